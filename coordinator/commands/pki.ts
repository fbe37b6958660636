import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { day, SITE_NAME, type Role } from '../pki/checks.ts';
import { initPki, issueFor } from '../pki/folder.ts';
import { certificatesIn, daysLeft, readLedger, stateOf, type Certificate } from '../pki/ledger.ts';
import { InputError, nearest, problem } from '../input/problem.ts';
import { folderOf, siteOf } from './pki-folder.ts';
import { publishCommand, revokeCommand } from './pki-revoke.ts';
import { plainTable } from './table.ts';
import { invalid, ipAddress, matching } from './values.ts';

interface Options { dir?: string; name?: string; role: Role; address: string[] }

export function pkiCommand(context: Context): Command {
  const pki = new Command('pki').description("The site's own certificates; works with no network.")
    .addHelpText('after', '\nExamples:\n  tandem pki init --name mysite\n  tandem pki issue ann --role observer\n  tandem pki list\n  tandem pki revoke ann --reason "left the team"\n  tandem pki publish\n\nHosts get theirs by: tandem enrol');
  pki.command('init').description("Make the site's authority and its operator: ca.crt, ca.key, operator.crt, operator.key.")
    .option('--name <site>', 'name of the site (default: the one in the site file)', matching(SITE_NAME, 'a name of small letters, digits, "-" and "_"'))
    .option('--dir <folder>', 'where to put them (default: the pki folder of the site file, else ./pki)')
    .addHelpText('after', '\nExample:\n  tandem pki init --name mysite --dir ./pki')
    .action(async ({ name, dir }: Options) => {
      const site = name === undefined || dir === undefined ? siteOf(context) : undefined;
      const siteName = name ?? site?.name;
      if (siteName === undefined) throw invalid('no site name', '--name SITE, or a site file (tandem init writes one)');
      const folder = folderOf(context, site, dir);
      await initPki(folder, siteName, Date.now());
      context.say(`Made the authority of site ${siteName} and its operator in ${folder}. Keep ${join(folder, 'ca.key')} safe: whoever has it can steer every host.`);
      context.say('Next: on each host tandem agent enrol, then here: tandem enrol HOST --code CODE');
    });
  pki.command('issue').description('Make a key and its certificate, for a person who runs or watches; hosts get theirs by tandem enrol.')
    .addArgument(new Argument('<name>', 'name of the host in the site file, or of the person').argParser(matching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of small letters, digits and "-"')))
    .addOption(new Option('--role <role>', 'what the holder is').choices(['agent', 'operator', 'observer']).default('agent'))
    .option('--address <ip>', 'a further address that the host may be dialled at (repeat for more)', (text: string, before: string[]) => [...before, ipAddress(text)], [])
    .option('--dir <folder>', 'folder of the authority (default: the pki folder of the site file, else ./pki)')
    .addHelpText('after', '\nExamples:\n  tandem pki issue ann --role observer\n  tandem pki issue ann --role operator\n\nThe key is made here and handed over with the certificate. For a host (role agent) that is meant for labs and tests:\nits key would have to be moved there. Where enrolment is possible, tandem agent enrol on the host makes a key that\nnever leaves it, and tandem enrol HOST --code CODE (or --request FILE) its certificate.')
    .action(async (name: string, { dir, role, address }: Options) => {
      const site = dir === undefined ? siteOf(context) : undefined;
      if (role !== 'agent' && address.length > 0) throw new InputError([problem(context.at('--address'), `--address for ${role} ${name}`, 'it for hosts only: people are not dialled')]);
      const { issued, files } = await issueFor(folderOf(context, site, dir), role, name, address, Date.now());
      const hosts = site?.hosts.map((host) => host.name) ?? [];
      if (role === 'agent' && site !== undefined && !hosts.includes(name)) context.tell(`Note: ${context.siteFile()} has no host "${name}"${nearest(name, hosts) === undefined ? '' : `; did you mean "${nearest(name, hosts) as string}"?`}`);
      context.say(`Made ${join(issued, `${role}.crt`)}.`);
      context.say(role === 'agent' ? `Next: copy ${issued}/ to /etc/tandem/pki on ${name} (${files.join(', ')}), then there: systemctl restart tandem-agent. (This moves a key. tandem enrol does without.)` : `Next: give ${issued}/ (${files.join(', ')}) to ${name}, whose site file names it as its pki folder.`);
    });
  pki.command('list').description('Show every certificate that was made: whose, until when, and whether it is in force.')
    .option('--dir <folder>', 'folder of the authority (default: the pki folder of the site file, else ./pki)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  tandem pki list')
    .action(({ dir, json }: { dir?: string; json?: true }) => {
      const folder = folderOf(context, dir === undefined ? siteOf(context) : undefined, dir), now = Date.now();
      if (!existsSync(folder)) throw new InputError([problem({ file: folder, line: 1, column: 1 }, 'no folder', 'the one that tandem pki init made (--dir FOLDER names another)')]);
      const all = certificatesIn(readLedger(folder)).sort((a, b) => (a.name === b.name ? a.atMs - b.atMs : a.name < b.name ? -1 : 1));
      context.say(json === true ? JSON.stringify(all.map((each) => plain(each, now)), null, 2)
        : plainTable(['NAME', 'ROLE', 'STATE', 'UNTIL', 'SERIAL', 'MADE BY', 'REASON'], all.map((each) => [each.name, each.role, stateText(each, now), day(new Date(each.notAfterMs)), each.serial, each.by, each.revoked?.reason ?? each.reason])));
      const ending = all.filter((each) => stateOf(each, now) === 'expiring');
      context.tell(ending.length > 0 ? `Next: a new certificate for ${renewals(ending)}` : 'Next: tandem pki revoke NAME --reason TEXT takes one out of force.');
    });
  pki.addCommand(revokeCommand(context));
  pki.addCommand(publishCommand(context));
  return pki;
}

/** How each whose certificate ends gets another: a host's key stays on it. */
function renewals(ending: Certificate[]): string {
  const names = (...roles: string[]): string => [...new Set(ending.filter(({ role }) => roles.includes(role)).map(({ name }) => name))].join(', ');
  return [
    [names('agent'), 'tandem enrol HOST --again --reason TEXT'], [names('operator', 'observer'), 'tandem pki issue NAME --role ROLE'],
    [names('authority'), 'with a new authority (move the pki folder away, tandem pki init) all are enrolled anew'],
  ].flatMap(([who, how]) => (who === '' ? [] : [`${String(who)}: ${String(how)}`])).join('; ');
}

function stateText(certificate: Certificate, nowMs: number): string {
  const state = stateOf(certificate, nowMs);
  if (state === 'expiring') return `expires in ${String(daysLeft(certificate.notAfterMs, nowMs))} days`;
  return certificate.revoked === undefined ? state : `revoked on ${day(new Date(certificate.revoked.atMs))}`;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const plain = (certificate: Certificate, nowMs: number): unknown => {
  const { name, role, serial, keySha256, notAfterMs, by, atMs, reason, revoked } = certificate;
  return { name, role, serial, state: stateOf(certificate, nowMs), daysLeft: daysLeft(notAfterMs, nowMs), notAfter: iso(notAfterMs), made: iso(atMs), by, reason, keySha256,
    ...(revoked === undefined ? {} : { revoked: { at: iso(revoked.atMs), by: revoked.by, reason: revoked.reason } }) };
};
