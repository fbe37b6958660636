import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf, codeText, proofOf, proves } from '../../../proto/enrolment.ts';

const codes = fc.record({ fingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)), secret: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)) });

describe('the one-time code', () => {
  it('reads as it was written, however it is typed', () => {
    fc.assert(fc.property(codes, (code) => {
      const text = codeText(code);
      for (const typed of [text, text.toLowerCase(), text.replaceAll('-', ' '), text.replaceAll('-', '')]) expect(codeOf(typed)).toEqual(code);
    }));
  });

  it('tells a letter that was mistyped, before anything is dialled', () => {
    fc.assert(fc.property(codes, fc.nat(78), fc.integer({ min: 1, max: 31 }), (code, at, by) => {
      const letters = Array.from(codeText(code).replaceAll('-', '')), alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
      letters[at] = alphabet[(alphabet.indexOf(letters[at] ?? '') + by) % 32] ?? '';
      expect(codeOf(letters.join(''))).toBe('a letter is wrong: its check sum does not hold');
    }), { numRuns: 300, seed: 1 });
  });

  it.each([['', 'it has 0 letters, a code has 80'], ['ABC', 'it has 3 letters, a code has 80'], ['AB1', '"1" is in no code']])('says what is wrong with %j', (text, why) => {
    expect(codeOf(text)).toBe(why);
  });
});

describe('a proof', () => {
  const code = { fingerprint: randomBytes(32), secret: randomBytes(16) }, nonce = randomBytes(32);
  it('is good for one step, one nonce, one key and one payload', () => {
    const proof = proofOf('install', code, nonce, 'ab', 'c');
    expect(proves(proof, proofOf('install', code, nonce, 'ab', 'c'))).toBe(true);
    for (const other of [
      proofOf('request', code, nonce, 'ab', 'c'), proofOf('install', code, randomBytes(32), 'ab', 'c'), proofOf('install', code, nonce, 'a', 'bc'),
      proofOf('install', { ...code, fingerprint: randomBytes(32) }, nonce, 'ab', 'c'), proofOf('install', { ...code, secret: randomBytes(16) }, nonce, 'ab', 'c'), proof.subarray(1),
    ]) expect(proves(other, proof)).toBe(false);
  });
});
