import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { catalogue } from '../../../agent/operations/catalogue.ts';
import { oneOf } from '../../../coordinator/input/problem.ts';
import { main } from '../../../coordinator/main.ts';

const ALL = 'one of init, capture-script, pki, enrol, hosts, health, facts, plan, check, run, resume, approve, ... (21 in all)';

/** Each command line has one mistake; what is printed, to the letter, and the column under which the mark stands. */
const CASES: Record<string, [string[], string]> = {
  'an unknown command': [['rnu'], `1:8: found unknown command "rnu", expected ${ALL}; did you mean "run"?`],
  'an unknown command below another': [['pki', 'isue', 'h1'], '1:12: found unknown command "isue", expected one of init, issue, list, revoke, publish; did you mean "issue"?'],
  'an unknown option': [['hosts', '--jsno'], '1:14: found unknown option "--jsno", expected one of --json, --site, --state, --help; did you mean "--json"?'],
  'an unknown global option': [['--sit', 'x.yaml', 'plan'], '1:8: found unknown option "--sit", expected one of --site, --state, --help; did you mean "--site"?'],
  'an argument too many': [['runs', 'today'], '1:13: found one argument too many: "today", expected at most 0 for runs'],
  'no argument': [['stop'], '1:13: found no run, expected run: run id'],
  'an option without its value': [['plan', '--out'], '1:13: found --out with nothing behind it, expected --out <file>'],
  'an option that must be there': [['op', 'pause'], '1:17: found no --host, expected --host <name>'],
  'no number': [['run', '--patience', 'long'], '1:23: found "long", expected a whole number of at least 0'],
  'a number too small': [['health', '--every=0'], '1:15: found "0", expected a whole number of at least 1'],
  'a run id of another form': [['run', '--run-id', 'Window 1'], '1:21: found "Window 1", expected small letters, digits and "-", at most 63'],
  'no choice': [['report', '--format', 'jsn'], '1:24: found "jsn", expected one of text, json, junit; did you mean "json"?'],
  'no address': [['pki', 'issue', 'h1', '--address', '10.0.0.300'], '1:31: found "10.0.0.300", expected an IPv4 or IPv6 address'],
  'an address for a person': [['pki', 'issue', 'ann', '--role', 'observer', '--address', '10.0.0.1', '--dir', 'x'], '1:38: found --address for observer ann, expected it for hosts only: people are not dialled'],
  'a host name of another form': [['pki', 'issue', 'Host_1'], '1:18: found "Host_1", expected a name of small letters, digits and "-"'],
  'no code and no request': [['enrol', 'controller'], '1:25: found neither --code nor --request, expected one of --code CODE, --request FILE'],
  'a code and a request': [['enrol', 'controller', '--code', 'A', '--request', 'x.csr'], '1:50: found both --code and --request, expected one of --code CODE, --request FILE'],
  'again without a reason': [['enrol', 'controller', '--code', 'A', '--again'], '1:42: found --again without a reason, expected --reason TEXT with it: the ledger keeps why a host was enrolled again'],
  'a host to be enrolled that is none': [['enrol', 'controler', '--code', 'A'], '1:14: found no host "controler" in SITE, expected controller; did you mean "controller"?'],
  'a revocation without a reason': [['pki', 'revoke', 'ann'], '1:23: found no --reason, expected --reason <text>'],
  'a reason of two lines': [['pki', 'revoke', 'ann', '--reason', 'a\nb'], '1:32: found "a\\nb", expected at most 200 letters on one line'],
  'no serial number': [['pki', 'revoke', 'ann', '--serial', 'xyz', '--reason', 'r'], '1:32: found "xyz", expected a serial number as tandem pki list shows it'],
  'an unknown host': [['health', 'controler'], '1:15: found no host "controler" in SITE, expected controller; did you mean "controller"?'],
  'an unknown operation': [['op', 'service.runing', '--host', 'controller'], '1:11: found unknown operation "service.runing", expected OPERATIONS; did you mean "service.running"?'],
  'no key=value': [['op', 'service.running', '--host', 'controller', 'mariadb'], '1:45: found "mariadb", expected key=value'],
  'an unknown key': [['op', 'service.running', '--host', 'controller', 'units=a.service', 'enabeld=true'], '1:61: found unknown key "enabeld", expected one of units, enabled, stableForS, startDeadlineS; did you mean "enabled"?'],
  'a key that must be there': [['op', 'service.running', '--host', 'controller'], '1:45: found no "units", expected a list'],
  'a value of another type': [['op', 'service.running', '--host', 'controller', 'units=a.service', 'enabled=maybe'], '1:69: found "maybe", expected true or false'],
  'a key twice': [['op', 'service.running', '--host', 'controller', 'units=a.service', 'enabled=true', 'enabled=false'], '1:74: found "enabled" a second time, expected each argument only once'],
  'a list that is no JSON': [['op', 'service.running', '--host', 'controller', 'units=[a.service'], `1:52: found "units" with text that is not JSON, expected JSON, such as units='["..."]'`],
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'arguments-'));
  writeFileSync(join(folder, 'site.yaml'), 'tandem: 1\nsite: lab\nrunbook: osp5-to-osp6\ncoordinator: {address: 127.0.0.1}\nhosts:\n  controller: {role: controller, address: 127.0.0.1, fqdn: h1.example.test}\n');
});
afterAll(() => { rmSync(folder, { recursive: true }); });

test.each(Object.entries(CASES))('%s', async (_name, [argv, expected]) => {
  const said: string[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((text: string) => { said.push(text); });
  const before = process.cwd();
  process.chdir(folder); // ./site.yaml is the default
  let code: number;
  try { code = await main(argv); } finally { process.chdir(before); spy.mockRestore(); }
  const [message, line, mark] = said.join('\n').split('\n');
  expect(message).toBe(`arguments:${expected.replace('SITE', 'site.yaml').replace('OPERATIONS', oneOf(catalogue.map(({ name }) => name)))}`);
  expect(code).toBe(2);
  expect(line).toMatch(/^ {2}tandem /);
  expect(mark?.length).toBe(2 + Number(/^1:(\d+)/.exec(expected)?.[1]));
  expect(existsSync(join(folder, 'pki'))).toBe(false);
});
