import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { stripVTControlCharacters } from 'node:util';
import { reportJson } from '../report/json.ts';
import type { RunReport } from '../report/schema.ts';
import { reportText } from '../report/text.ts';
import { storedRun } from './stored-run.ts';

const WRITERS = {
  text: reportText, json: reportJson,
  junit: async (report: RunReport) => (await import('../report/junit.ts')).reportJunit(report), // a large library for one format
};
interface Options { format: keyof typeof WRITERS; out?: string }

export function reportCommand(context: Context): Command {
  return new Command('report').description('Show what a run did: every step of every host, from its plan and its journal alone.')
    .argument('[run]', 'run id (default: the latest run)')
    .addOption(new Option('--format <format>', 'how').choices(Object.keys(WRITERS)).default('text'))
    .option('--out <file>', 'write to this file')
    .addHelpText('after', '\nExamples:\n  tandem report\n  tandem report 20261124-114603-k3f --format junit --out run.xml')
    .action(async (id: string | undefined, { format, out }: Options) => {
      const { report } = storedRun(context, id);
      const text = (await WRITERS[format](report)).trimEnd();
      if (out === undefined) context.say(text);
      else {
        writeFileSync(out, `${stripVTControlCharacters(text)}\n`);
        context.tell(`Wrote ${out}.`);
      }
    });
}
