import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** One program kept running in a lab host, asked one thing at a time; it ends when the host is taken down. */
export interface Session { ask(question: string): Promise<string> }

const script = join(import.meta.dirname, '../../scripts/lab');

/** The program reads questions and writes answers, each ended by `mark`. Asking rejects when it ends. */
export function openSession(run: string, host: string, argv: string[], mark: '\n' | '\0'): Session {
  const child = spawn(script, ['exec', run, host, ...argv], { stdio: 'pipe' });
  let received = '', errors = '', ended = false;
  let waiting: { resolve(answer: string): void; reject(error: Error): void } | undefined;
  child.stdin.on('error', () => undefined); // its end is told by `close`
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    received += text;
    const at = received.indexOf(mark);
    if (at < 0) return;
    waiting?.resolve(received.slice(0, at));
    received = received.slice(at + 1);
  });
  child.on('close', (code) => { ended = true; waiting?.reject(new Error(`${argv[0] ?? ''} ended with ${String(code)}\n${errors}`)); });
  let last: Promise<unknown> = Promise.resolve();
  const put = (question: string): Promise<string> => new Promise((resolve, reject) => {
    if (ended) reject(new Error(`${argv[0] ?? ''} has ended\n${errors}`));
    waiting = { resolve, reject };
    child.stdin.write(question + mark);
  });
  return {
    ask(question) {
      const answer = last.then(() => put(question));
      last = answer.catch(() => undefined);
      return answer;
    },
  };
}

/** A shell in a host, asked with commands; both streams as one, without the last newlines. */
export interface Shell { run(command: string): Promise<{ code: number; printed: string }> }

export function openShell(run: string, host: string): Shell {
  const session = openSession(run, host, ['bash', '-c', 'while IFS= read -r -d "" asked; do said=$(sh -c "$asked" 2>&1 </dev/null); printf "%d\\n%s\\0" $? "$said"; done'], '\0');
  return {
    async run(command) {
      const answer = await session.ask(command), end = answer.indexOf('\n');
      return { code: Number(answer.slice(0, end)), printed: answer.slice(end + 1) };
    },
  };
}
