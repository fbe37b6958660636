import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asBinary, parseTerm } from '../../../agent/parse/erlang.ts';

// rabbitmqctl -q eval: the lab's own (3.10); lists and tuples are the same in 3.3 (src/rabbit_auth_backend_internal.erl, list_users/0)
test('users and permissions as the broker prints them', () => {
  const text = '{[[{user,<<"guest">>},{tags,[administrator]}]],\n [[{user,<<"guest">>},\n   {vhost,<<"/">>},\n   {configure,<<".*">>}]]}\n';
  expect(parseTerm(text)).toEqual([[[['user', 'guest'], ['tags', ['administrator']]]], [[['user', 'guest'], ['vhost', '/'], ['configure', '.*']]]]);
});

test('what ~p does to long, odd and non-ASCII text', () => {
  expect(parseTerm('<<"aaa"\n  "bbb">>')).toBe('aaabbb');
  expect(parseTerm('<<195,164>>')).toBe('ä');
  expect(parseTerm('<<"ä"/utf8>>')).toBe('ä');
  expect(parseTerm("['Quoted atom',-7,\"a\\\"b\\n\",[]]")).toEqual(['Quoted atom', -7, 'a"b\n', []]);
  expect(parseTerm('<<>>')).toBe('');
});

test('what is no term says where', () => {
  expect(() => parseTerm('{a,')).toThrow(/ends too early/);
  expect(() => parseTerm('{a b}')).toThrow(/expected , or }/);
  expect(() => parseTerm('[]. []')).toThrow(/character 2/);
});

test('a binary made of numbers is the text again, whatever is in it', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => { expect(parseTerm(asBinary(text))).toBe(text); }));
});
