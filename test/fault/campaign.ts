import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Fleet } from './fleet.ts';
import { commitNow } from './commit.ts';
import { FAULTS, makeTrial, runOf, type FaultKind, type Trial } from './generator.ts';
import type { Ground } from './host.ts';
import { judge, type Finding, type Observed } from './oracle.ts';
import { prepare } from './prepare.ts';
import { SABOTAGES } from './sabotage.ts';
import { summarize, type Outcome } from './summary.ts';
import { runTrial } from './trial.ts';

const { values } = parseArgs({ options: {
  seed: { type: 'string', default: '1' }, from: { type: 'string', default: '0' }, to: { type: 'string', default: '20' }, jobs: { type: 'string', default: '3' },
  out: { type: 'string' }, only: { type: 'string' }, sabotage: { type: 'string' }, keep: { type: 'string' }, replay: { type: 'string' },
} });
const seed = Number(values.seed), from = Number(values.from), to = Number(values.to), base = process.env['TANDEM_FAULT_FOLDER'] ?? '';
const usage = (text: string): never => { console.error(`scripts/fault: ${text}`); process.exit(2); };
if (base === '') usage('test/fault/campaign.ts is started by it, in namespaces of its own');
if (![seed, from, to].every(Number.isSafeInteger) || from > to) usage('--seed, --from and --to are whole numbers, --from not after --to');
const sabotage = values.sabotage === undefined ? undefined : SABOTAGES.find(({ name }) => name === values.sabotage) ?? usage(`no sabotage "${values.sabotage}"; there are: ${SABOTAGES.map(({ name }) => name).join(', ')}`);
const kinds: readonly FaultKind[] = values.only?.split(',').map((kind) => FAULTS.find((one) => one === kind) ?? usage(`no fault "${kind}"; there are: ${FAULTS.join(', ')}`)) ?? sabotage?.kinds ?? FAULTS;

const began = performance.now(), commit = commitNow();
const ground = await prepare(mkdtempSync(join(base, 'ground-')), sabotage, process.execPath);
await warmUp(ground);
console.log(`built and warmed up in ${((performance.now() - began) / 1000).toFixed(0)} s`);

const outcomes: Outcome[] = [];
// Trials that failed once, as they were, whatever the generator makes of their numbers now.
const kept = values.replay === undefined ? undefined : readdirSync(values.replay).filter((name) => name.endsWith('.json')).sort().map((name) => JSON.parse(readFileSync(join(values.replay!, name), 'utf8')) as Trial);
const trialOf = (number: number): Trial => kept?.[number] ?? makeTrial(seed, number, kinds, sabotage === undefined ? undefined : ['forward'], sabotage?.confirmed === true ? 1 : undefined);
const end = kept?.length ?? to;
let next = kept === undefined ? from : 0;
await Promise.all(Array.from({ length: Number(values.jobs) }, async (_, job) => {
  const fleet = new Fleet(ground, join(base, `f${String(job)}`), 20_000 + 10 * job);
  for (let number = next++; number < end && found() === undefined; number = next++) await one(trialOf(number), fleet);
  await fleet.remove();
}));
if (sabotage !== undefined) {
  const by = found();
  console.log(`${by === undefined ? 'not ok' : 'ok'} - with ${sabotage.name} the campaign finds a ${sabotage.finds.join(' or a ')}${by === undefined ? '' : `, in trial ${String(by.number)} (${by.fault})`}`);
  process.exit(by === undefined ? 1 : 0);
}
console.log(summarize(outcomes, (performance.now() - began) / 1000, kept === undefined ? { seed, from, to } : undefined));
// A campaign whose faults mostly come too late shows little: some do (the run ended before their line), not many.
const struck = outcomes.filter((one) => one.struck).length, tooFew = outcomes.length >= 200 && struck < 0.75 * outcomes.length;
if (tooFew) console.log(`not ok - the fault came about in ${String(struck)} of ${String(outcomes.length)} trials only`);
process.exit(!tooFew && outcomes.every(({ findings }) => findings.length === 0) ? 0 : 1);

/** The trial that found what a sabotage must lead to: the campaign tested itself. */
function found(): Outcome | undefined { return sabotage === undefined ? undefined : outcomes.find(({ findings }) => findings.some(({ kind }) => sabotage.finds.includes(kind))); }

async function one(trial: Trial, fleet: Fleet): Promise<void> {
  const { number, fault } = trial, start = performance.now();
  let findings: Finding[], seen: Observed | undefined;
  try {
    const observed = await runTrial(trial, ground, join(base, `c${String(number)}`), fleet);
    findings = judge(trial, seen = observed);
  } catch (error) {
    findings = [{ kind: 'no end', text: `the trial could not be made: ${String((error as Error).stack)}` }];
  }
  fleet.tidy(runOf(number));
  const outcome: Outcome = { seed: trial.seed, number, fault, turn: trial.turn, commit, struck: seen?.struck ?? false, ms: Math.round(performance.now() - start), findings, ...wentBackOf(trial, seen) };
  outcomes.push(outcome);
  if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify(outcome)}\n`);
  if (findings.length === 0) return;
  console.log(`trial ${String(number)} (${fault}, ${trial.turn}, ${String(trial.hosts.length)} hosts, ${(outcome.ms / 1000).toFixed(1)} s):\n${findings.slice(0, 8).map(({ kind, text }) => `  ${kind}: ${text}`).join('\n')}`);
  console.log(`  again: scripts/fault --seed ${String(seed)} --from ${String(number)} --to ${String(number + 1)}${values.only === undefined ? '' : ` --only '${values.only}'`}`);
  if (values.keep !== undefined) {
    mkdirSync(values.keep, { recursive: true });
    writeFileSync(join(values.keep, `${String(seed)}-${String(number)}.json`), JSON.stringify({ trial, findings, seen }, null, 1));
  }
  await fleet.remove(); // the next trial gets hosts that nothing has happened to
}

function wentBackOf(trial: Trial, seen: Observed | undefined): Pick<Outcome, 'wentBack'> {
  if (seen === undefined || trial.turn === 'back' || trial.hosts.every(({ start }) => start.rules === undefined)) return {};
  return { wentBack: seen.hosts.flatMap(({ journals }) => (journals[seen.run] ?? '').split('\n')).filter((line) => line.includes('"kind":"reverting"')).length };
}

/** A trial without a fault, and agents that end in order: then the compiled code is kept for all that follow. */
async function warmUp(on: Ground): Promise<void> {
  const fleet = new Fleet(on, join(base, 'warm'), 19_000), trial = makeTrial(1, 0, ['none']);
  const findings = judge(trial, await runTrial(trial, on, join(base, 'warming'), fleet));
  if (sabotage === undefined && findings.length > 0) throw new Error(`a trial without a fault went wrong: ${JSON.stringify(findings)}`);
  await fleet.end();
  await fleet.remove();
}
