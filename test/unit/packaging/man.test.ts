import { expect, test } from 'vitest';
import { manPage } from '../../../scripts/man.ts';

test('the man page has every command of coordinator and agent, with its options and example', async () => {
  const page = await manPage();
  const heads = [...page.matchAll(/^\.SS (tandem.*)$/gm)].map(([, head]) => head?.replaceAll('\\-', '-').replace(/ \[.*/, ''));
  for (const command of ['tandem run', 'tandem pki issue', 'tandem health', 'tandem agent serve', 'tandem agent idle', 'tandem agent install', 'tandem agent status']) {
    expect(heads.some((head) => head?.startsWith(command)), command).toBe(true);
  }
  expect(page).toContain('.B \\-\\-certs <folder>\n');
  expect(page).toMatch(/^Example:\n {2}tandem agent idle && systemctl restart tandem\\-agent$/m);
  expect(page.split('\n').filter((line) => /^[.'](?![A-Z]{1,2}\b|nf|fi|br|B |I )/.test(line)), 'no line of text that roff takes for a request').toEqual([]);
});
