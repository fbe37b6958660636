import { StepError } from '../../proto/errors.ts';
import { parseRc } from '../parse/rc.ts';
import { readIniValue } from '../parse/ini.ts';

export type ReadText = (path: string) => Promise<string | undefined>;

/**
 * The value behind a reference: `file:PATH` (without its last newline), `ini:PATH#section.key` on this host, or
 * `coordinator-file:PATH` from what came with the command. Throws StepError precondition_failed; never says the value.
 */
export async function resolveSecret(reference: string, readText: ReadText, sent: Readonly<Record<string, string>>): Promise<string> {
  const missing = (why: string): StepError => new StepError('precondition_failed', `secret ${reference}: ${why}`);
  if (reference.startsWith('coordinator-file:')) {
    const value = sent[reference];
    if (value === undefined) throw missing('its value did not come with this command');
    return value;
  }
  if (reference.startsWith('file:')) {
    const text = await readText(reference.slice(5));
    if (text === undefined) throw missing('there is no such file on this host');
    return text.replace(/\r?\n$/, '');
  }
  if (reference.startsWith('rc:')) {
    const [path = '', name = ''] = reference.slice(3).split('#');
    const value = parseRc(await readText(path) ?? '').get(name);
    if (value === undefined) throw missing(`the file has no \`export ${name}=\` with a plain value, or is not there`);
    return value;
  }
  const parts = /^ini:([^#]+)#([^.#]+)\.(.+)$/.exec(reference);
  if (parts === null) throw missing('expected file:PATH, ini:PATH#section.key, rc:PATH#NAME or coordinator-file:PATH');
  const [, path = '', section = '', key = ''] = parts;
  const text = await readText(path);
  if (text === undefined) throw missing('there is no such file on this host');
  const value = readIniValue(text, section, key);
  if (value === undefined) throw missing(`[${section}] has no ${key}`);
  return value;
}
