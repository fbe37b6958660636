import { readFileSync } from 'node:fs';
import { summarize, type Outcome } from './summary.ts';

/** Sums up the parts of a campaign: files of scripts/fault --out, of one seed. A trial that is missing or there twice is an error. The seconds are those of all trials, one after the other. */
const outcomes = process.argv.slice(2).flatMap((file) => readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Outcome)).sort((a, b) => a.number - b.number);
const [first] = outcomes, last = outcomes.at(-1);
const wrong = first === undefined || last === undefined ? 'no trials' : outcomes.some(({ seed }) => seed !== first.seed) ? 'trials of more than one seed'
  : outcomes.some(({ number }, at) => number !== first.number + at) ? 'a trial is missing, or there twice' : undefined;
if (wrong !== undefined || first === undefined || last === undefined) {
  console.error(`scripts/fault merge: ${wrong ?? ''}`);
  process.exit(2);
}
for (const { number, fault, findings } of outcomes) if (findings.length > 0) console.log(`trial ${String(number)} (${fault}): ${findings.map(({ kind, text }) => `${kind}: ${text}`).join('; ')}`);
for (const commit of new Set(outcomes.map((one) => one.commit))) console.log(`${commit}: ${String(outcomes.filter((one) => one.commit === commit).length)} trials`);
console.log(summarize(outcomes, outcomes.reduce((sum, { ms }) => sum + ms, 0) / 1000, { seed: first.seed, from: first.number, to: last.number + 1 }));
process.exit(outcomes.every(({ findings }) => findings.length === 0) ? 0 : 1);
