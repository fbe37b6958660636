// Test code, not the product: runs one step of an operation on the host it is started on, with the product's catalogue,
// guard, host and perform. Packed as the product is (pack-runner.ts) and started in a lab host.
// Reads JSON requests from standard input, one a line; prints one line of JSON for each.
import { createInterface } from 'node:readline';
import { openHost } from '../../agent/host/local.ts';
import { createScrubber } from '../../agent/host/scrub.ts';
import { findOperation } from '../../agent/operations/catalogue.ts';
import { perform } from '../../agent/perform.ts';
import { StepError } from '../../proto/errors.ts';
import type { EventKind, Json } from '../../proto/events.ts';

interface Request { operation: string; args: Record<string, unknown>; step: 'check' | 'apply' | 'revert' | 'verify'; folder: string; revertTo?: Json }

async function run({ operation: name, args: given, step, folder, revertTo }: Request): Promise<Record<string, unknown>> {
  const events: EventKind[] = [], scrubber = createScrubber();
  const emit = (event: EventKind): void => { events.push(event); };
  const host = openHost({ commandId: 'proof', folder, secrets: {}, scrubber, remainingMs: () => Infinity, emit });
  try {
    const operation = findOperation(name);
    if (operation === undefined) throw new Error(`no operation ${name}`);
    const parsed = operation.args.safeParse(given);
    if (!parsed.success) throw new StepError('invalid_args', parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
    const args = parsed.data;
    if (step === 'verify') return { ...await (operation.verify ?? operation.check)(host, args), events };
    return { ...await perform({ operation, args, mode: step, earlier: undefined, revertTo }, host, emit), events };
  } catch (error) {
    if (!(error instanceof StepError)) return { crash: (error as Error).stack };
    return { code: error.code, reason: scrubber.text(error.message), events };
  }
}

async function main(): Promise<void> {
  for await (const line of createInterface(process.stdin)) console.log(JSON.stringify(await run(JSON.parse(line) as Request)));
}
main().catch((error: unknown) => { console.error(error); process.exitCode = 1; });
