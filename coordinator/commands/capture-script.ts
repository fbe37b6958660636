import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { captureScript } from '../input/files.ts';

/** The script that the old hosts run is the runbook's: it knows the old release. */
export function captureScriptCommand(context: Context): Command {
  return new Command('capture-script').description('Print the script that root runs on each old host: facts, copies, dumps, fence and the ways back.')
    .option('--out <file>', 'write it to this file instead; never overwrites one')
    .addHelpText('after', '\nExamples:\n  tandem capture-script >capture.sh\n  tandem capture-script --out capture.sh\nThen, on the old host:\n  sh capture.sh help')
    .action(({ out }: { out?: string }) => {
      const text = captureScript(context.siteGiven() ? context.siteFile() : undefined);
      if (out === undefined) { context.say(text.trimEnd()); return; }
      writeFileSync(out, text, { flag: 'wx', mode: 0o755 });
      context.tell(`Wrote ${out}. Next: copy it to each old host; sh ${out} help shows in which order its parts run.`);
    });
}
