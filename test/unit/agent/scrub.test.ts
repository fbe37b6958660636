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

test('a value too short to be told from ordinary text is left alone', () => {
  const scrubber = createScrubber();
  scrubber.add('on');
  expect(scrubber.text('turned on')).toBe('turned on');
});
