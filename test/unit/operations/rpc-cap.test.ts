import { expect, test } from 'vitest';
import { findOperation } from '../../../agent/operations/catalogue.ts';
import type { Finding } from '../../../agent/operations/operation.ts';
import { effective, parseIni } from '../../../agent/parse/ini.ts';
import { recordedHost, recordingSchema } from '../recorded-host.ts';

/** The printed text of rows C53 and N22, to the letter (mission analysis, procedure.md E1-E5). */
const CONTROLLER = '[upgrade-levels]\ncompute = 3.23.1\nconductor = 3.23.1\n';
const COMPUTE = '[upgrade levels]\ncompute = 3.23.1\n';
const FILE = '/etc/nova/nova.conf';
const args = { file: FILE, section: 'upgrade_levels', key: 'compute', level: 'icehouse', accepted: ['3.23', '3.23.1'], drop: { conductor: 'its version is 2.0 in both releases' } };

/** What the cap's step finds in a file, and the file after it. */
async function cap(text: string, name = 'rpc.capped', given: Record<string, unknown> = args): Promise<{ finding: Finding; after: string }> {
  const operation = findOperation(name)!, parsed = operation.args.parse(given);
  const host = recordedHost(recordingSchema.parse({ files: { [FILE]: text } }));
  const finding = await operation.check(host, parsed);
  host.mayWrite = true;
  if (!finding.satisfied) await operation.apply!(host, parsed, finding.found);
  expect(await operation.check(host, parsed)).toMatchObject({ satisfied: true });
  return { finding, after: host.files.get(FILE)?.content ?? '' };
}
const read = (text: string, key: string): string | undefined => effective(parseIni(text), 'upgrade_levels', key);

test.each([['E1', CONTROLLER, 'upgrade-levels'], ['E2', COMPUTE, 'upgrade levels']])('%s: the printed section is read by nobody; it is named, taken out, and the cap set where it is read', async (_, text, section) => {
  expect(read(text, 'compute'), 'as printed there is no cap').toBeUndefined();
  const { finding, after } = await cap(text);
  expect(finding.differences).toEqual(expect.arrayContaining([
    expect.objectContaining({ what: `[${section}] in ${FILE}`, found: expect.stringContaining('a section that no service reads') as string, wanted: 'gone; the section is [upgrade_levels]' }),
    { what: '[upgrade_levels] compute, as the service reads it', found: 'absent: no cap', wanted: 'icehouse' },
  ]));
  expect(after).not.toContain(section);
  expect(read(after, 'compute')).toBe('icehouse');
});

test('E3: a conductor key stops its own callers; it is removed under each of the three section names', async () => {
  for (const section of ['upgrade_levels', 'upgrade-levels', 'upgrade levels']) {
    const { finding, after } = await cap(`[${section}]\ncompute = 3.23.1\nconductor = 3.23.1\n`);
    expect(JSON.stringify(finding.differences)).toContain('conductor');
    expect(after).not.toContain('conductor');
    expect(read(after, 'compute')).toMatch(/^(icehouse|3\.23\.1)$/);
  }
  expect((await cap('[upgrade_levels]\ncompute = icehouse\nconductor = 3.23.1\n')).finding.differences).toEqual([{ what: `[upgrade_levels] conductor in ${FILE}`, found: '3.23.1', wanted: 'absent: its version is 2.0 in both releases' }]);
});

test('E4: 3.23 and 3.23.1 cap the same and are left alone; another value is not', async () => {
  for (const value of ['icehouse', '3.23', '3.23.1']) expect((await cap(`[upgrade_levels]\ncompute = ${value}\n`)).finding.satisfied).toBe(true);
  for (const value of ['juno', '3.35', '3.24']) {
    const { finding, after } = await cap(`[upgrade_levels]\ncompute = ${value}\n`);
    expect(finding.satisfied).toBe(false);
    expect(read(after, 'compute')).toBe('icehouse');
  }
});

test('E5: E1 hides E3: with the section alone repaired the conductor key would come into force; both are corrected at once', async () => {
  expect(read(CONTROLLER.replace('upgrade-levels', 'upgrade_levels'), 'conductor'), 'the section alone repaired').toBe('3.23.1');
  for (const text of [CONTROLLER, CONTROLLER.replace('upgrade-levels', 'upgrade_levels')]) {
    const { after } = await cap(text);
    expect([read(after, 'compute'), read(after, 'conductor'), after.includes('conductor')]).toEqual([expect.stringMatching(/^(icehouse|3\.23\.1)$/), undefined, false]);
  }
  const { after } = await cap(CONTROLLER);
  expect([read(after, 'compute'), read(after, 'conductor')]).toEqual(['icehouse', undefined]);
});

test('U1: both printed texts and the right one go, another option of the section stays', async () => {
  const { after } = await cap(`${CONTROLLER}${COMPUTE}[upgrade_levels]\ncompute = icehouse\ncert = 2.0\n`, 'rpc.uncapped', { file: FILE, section: 'upgrade_levels', keys: ['compute', 'conductor'] });
  expect(after).toBe('[upgrade_levels]\ncert = 2.0\n');
});
