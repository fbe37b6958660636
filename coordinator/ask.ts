import { createInterface } from 'node:readline/promises';
import type { Question } from './gatekeeper.ts';
import { oneLine } from './printable.ts';

export interface Terminal { input: NodeJS.ReadableStream; output: NodeJS.WritableStream }

/** Asks for a person's word on a gated step. Undefined: no, the terminal was closed, or nobody waits for it any more. `name` is offered as who says so. */
export async function askPerson({ host, step }: Question, { input, output }: Terminal, name: string, letGo: AbortSignal): Promise<{ by: string; reason: string } | undefined> {
  const line = createInterface({ input, output }), closed = new AbortController();
  line.once('close', () => { closed.abort(); });
  line.on('SIGINT', () => { process.emit('SIGINT', 'SIGINT'); }); // as without a question: the run is stopped, which lets go of this
  const signal = AbortSignal.any([letGo, closed.signal]);
  const ask = async (text: string): Promise<string> => (await line.question(text, { signal })).trim();
  try {
    output.write(`\nBefore ${step.id} on ${host}: ${oneLine(step.sentence)}\n  ${oneLine(step.gate ?? '')}\n`);
    if (!/^y(es)?$/i.test(await ask('Approve? [yes/no] '))) return undefined;
    const by = await ask(`Your name [${name}]: `);
    let reason = '';
    while (reason === '') reason = await ask('Reason, for the report: ');
    return { by: by === '' ? name : by, reason };
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    line.close();
  }
}
