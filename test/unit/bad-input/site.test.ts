import { expect, test } from 'vitest';
import { messagesOf, planOf } from './plan-fixture.ts';

/** Each file of test/fixtures/bad-input/site differs from good.yaml by one mistake; what is printed, to the letter. */
const CASES: Record<string, string[]> = {
  'alias': [
    'site.yaml:14:7: found anchor &a, expected plain values (anchors and aliases are refused)',
    'site.yaml:15:7: found anchor &b, expected plain values (anchors and aliases are refused)',
    'site.yaml:15:8: found alias *a, expected plain values (anchors and aliases are refused)',
    'site.yaml:15:12: found alias *a, expected plain values (anchors and aliases are refused)',
    'site.yaml:15:16: found alias *a, expected plain values (anchors and aliases are refused)',
    'site.yaml:16:21: found alias *b, expected plain values (anchors and aliases are refused)',
  ],
  'bad-address': ['site.yaml:4:24: found "10.77.0.300", expected an IPv4 or IPv6 address'],
  'broken-facts': ['./captured/broken.json:5:1: found the end of the file, expected a closing quote or bracket'],
  'directive': ['site.yaml:1:1: found %YAML 1.1, expected no directive (the file is read as YAML 1.2)'],
  'duplicate-key': ['site.yaml:10:3: found "controller", expected each key only once in a map'],
  'empty': ['site.yaml:1:1: found an empty file, expected a map of keys and values'],
  'foreign-facts': ['./captured/other.json:3:20: found facts of other.example.test, expected facts of controller.example.test, the old host of controller'],
  'host-name': ['site.yaml:10:3: found key "Compute_1", expected a host name of small letters, digits and "-"'],
  'hosts-list': ['site.yaml:5:8: found a list, expected a map'],
  'many': [
    'site.yaml:1:9: found "one", expected 1, the version of this format',
    'site.yaml:8:14: found "nowhere", expected an IPv4 or IPv6 address',
    'site.yaml:10:3: found no "role", expected a string',
    'site.yaml:11:5: found unknown key "roel", expected one of role, address, port, fqdn, backup, interfaces, captured',
  ],
  'missing-key': ['site.yaml:10:3: found no "role", expected a string'],
  'nesting': ['site.yaml:1:1: found values nested too deeply, expected at most some hundred levels'],
  'no-captured-file': ['site.yaml:9:15: found no file ./captured/none.json, expected the facts captured on the old host'],
  'no-variable': ['site.yaml:1:1: found no variable "region", expected string: Where the cloud is'],
  'open-quote': ['site.yaml:15:1: found the end of the file, expected a closing quote or bracket for the one at 2:7'],
  'port-range': ['site.yaml:9:11: found 74430, expected at most 65535'],
  'relative-backup': ['site.yaml:9:13: found "mnt/backup", expected an absolute path'],
  'role-count': ['site.yaml:5:1: found 2 hosts of role controller, expected exactly 1'],
  'same-address': ['site.yaml:12:14: found address 10.77.0.1:7443 of host controller, expected another address for each host'],
  'secret-in-clear': ['site.yaml:14:33: found a value (not shown), expected file:PATH, ini:PATH#section.key, rc:PATH#NAME or coordinator-file:PATH'],
  'tab': ['site.yaml:7:1: found a tab, expected spaces as indentation (tabs are not allowed)'],
  'tag': ['site.yaml:2:7: found "!name", expected plain values (tags such as !name are refused)'],
  'two-documents': ['site.yaml:14:1: found "---", expected one document in the file'],
  'unknown-key': [
    'site.yaml:10:3: found no "address", expected a string',
    'site.yaml:12:5: found unknown key "adress", expected one of role, address, port, fqdn, backup, interfaces, captured; did you mean "address"?',
  ],
  'unknown-role': ['site.yaml:11:11: found "cmopute", expected one of controller, compute; did you mean "compute"?'],
  'unknown-variable': [
    'site.yaml:14:1: found no variable "region", expected string: Where the cloud is',
    'site.yaml:14:13: found unknown variable "regoin", expected one of region, workers, token; did you mean "region"?',
  ],
  'variable-type': ['site.yaml:14:35: found "many", expected a number'],
  'version': ['site.yaml:1:9: found 2, expected 1, the version of this format'],
  'wrong-type': ['site.yaml:9:11: found "7443", expected a number'],
};

test('the file without a mistake is planned', () => {
  expect(planOf('good', 'base').hosts.map(({ name }) => name)).toEqual(['controller', 'compute1']);
});

test.each(Object.entries(CASES))('site file: %s', (name, messages) => {
  expect(messagesOf(() => planOf(name, 'base'))).toEqual(messages);
});
