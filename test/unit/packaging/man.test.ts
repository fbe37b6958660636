import { expect, test } from 'vitest';
import { manPage } from '../../../scripts/man.ts';
import { namesInSources, realTrees } from './command-tree.ts';

const plain = (text: string): string => text.replaceAll('\\-', '-').replaceAll('\\&', '').replaceAll('\\e', '\\');

test('the man page has every command of coordinator and agent, in full: usage, description, each option, what is behind its help', async () => {
  const page = plain(await manPage()), { root, all } = await realTrees();
  const sections = new Map(page.split(/^\.S[SH] /m).map((section) => { const [head = '', ...lines] = section.split('\n'); return [head, lines.join('\n')]; }));
  const missing = all.flatMap(({ path, command }) => {
    const section = sections.get(`${path} ${command.usage()}`);
    if (section === undefined) return [path];
    const wanted = [command.description(), ...command.options.flatMap(({ flags, description }) => [`.B ${flags}\n`, description])];
    return wanted.filter((text) => text === '' || !section.includes(text)).map((text) => `${path}: ${text}`);
  });
  expect(missing).toEqual([]);
  expect(all.map(({ command }) => command.name()).sort(), 'both trees are whole').toEqual(namesInSources());
  for (const { flags } of root.options) expect(sections.get('OPTIONS'), flags).toContain(`.B ${flags}\n`);
  expect([...sections.keys()].filter((head) => head.startsWith('tandem ')), 'and none that there is not').toHaveLength(all.length);
});

test('it has the examples, and no line of text that roff takes for a request', async () => {
  const page = await manPage(), { all } = await realTrees();
  expect(page).toMatch(/^Example:\n {2}tandem agent idle && systemctl restart tandem\\-agent$/m);
  expect(page.match(/^Examples?:$/gm)).toHaveLength(all.filter(({ command }) => { let help = ''; command.configureOutput({ writeOut: (text) => { help += text; } }).outputHelp(); return /^Examples?:$/m.test(help); }).length);
  expect(page.split('\n').filter((line) => /^[.'](?![A-Z]{1,2}\b|nf|fi|br|B |I )/.test(line))).toEqual([]);
});
