import { expect, test } from 'vitest';
import { createScrubber } from '../../../agent/host/scrub.ts';

test('a secret is gone in every form in which it may leave', () => {
  const secret = 'p"ass/w ört\n&x';
  const scrubber = createScrubber();
  scrubber.add(secret);
  const forms = [secret, JSON.stringify({ a: secret }), `mysql://u:${encodeURIComponent(secret)}@h`, Buffer.from(secret).toString('base64')];
  for (const form of forms) expect(scrubber.text(`before ${form} after`)).toMatch(/^before .*\(secret\).* after$/s);
  const deep = scrubber.deep({ a: [secret, { [secret]: 1 }], n: 3, b: null });
  expect(JSON.stringify(deep)).not.toContain('ass/w');
  expect(deep).toEqual({ a: ['(secret)', { '(secret)': 1 }], n: 3, b: null });
});

test('a secret that begins another one does not leave the end of it', () => {
  const scrubber = createScrubber();
  ['hunter2', 'hunter2-and-more'].forEach((secret) => { scrubber.add(secret); });
  expect(scrubber.text('password=hunter2-and-more, hunter2')).toBe('password=(secret), (secret)');
});

test('a value too short to be told from ordinary text is left alone', () => {
  const scrubber = createScrubber();
  scrubber.add('on');
  expect(scrubber.text('turned on')).toBe('turned on');
});
