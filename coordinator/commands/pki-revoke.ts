import { Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { besideSite, readSite } from '../input/files.ts';
import { AgentRefused, Unreachable, type Link } from '../link.ts';
import { day, type Role } from '../pki/checks.ts';
import { certificateText, listToPublish, revoke } from '../pki/revoke.ts';
import { EXIT } from '../verdict.ts';
import { credentials, OPERATOR, withLinks } from './links.ts';
import { folderOf, siteOf } from './pki-folder.ts';
import { matching } from './values.ts';

export function revokeCommand(context: Context): Command {
  return new Command('revoke').description('Take the certificates of a host or person out of force: the ledger and ca.crl say so from here on.')
    .argument('<name>', 'name of the host or person, as tandem pki list shows it')
    .addOption(new Option('--role <role>', 'where the name has several').choices(['agent', 'operator', 'observer']))
    .option('--serial <hex>', 'this one only (default: all that are in force)', matching(/^[0-9a-fA-F:]{1,64}$/, 'a serial number as tandem pki list shows it'))
    .requiredOption('--reason <text>', 'why; it stands in the ledger', matching(/^[^\p{Cc}]{1,200}$/u, 'at most 200 letters on one line'))
    .option('--dir <folder>', 'folder of the authority (default: the pki folder of the site file, else ./pki)')
    .addHelpText('after', '\nExamples:\n  tandem pki revoke ann --reason "left the team"\n  tandem pki revoke controller --role agent --reason "disk was stolen"\n\nThe hosts learn of it by tandem pki publish, or when ca.crl is copied to /etc/tandem/pki there.')
    .action(async (name: string, { role, serial, reason, dir }: { role?: Role; serial?: string; reason: string; dir?: string }) => {
      const folder = folderOf(context, dir === undefined ? siteOf(context) : undefined, dir);
      const { revoked, before } = await revoke(folder, { name, role, serial, reason }, { name: context.at(name), serial: context.at(serial) }, Date.now());
      for (const each of revoked) context.say(`Revoked certificate ${certificateText(each)} of ${each.role} ${each.name}.`);
      for (const each of before) context.say(`Certificate ${certificateText(each)} of ${each.role} ${each.name} was revoked on ${day(new Date(each.revoked?.atMs ?? 0))} already.`);
      context.tell('Next: tandem pki publish');
    });
}

export function publishCommand(context: Context): Command {
  return new Command('publish').description('Send the revocation list to every host of the site; any operator may, since it is signed and numbered.')
    .addHelpText('after', '\nExample:\n  tandem pki publish\n\nExit codes: 0 every host holds the list, 3 a host refused it or holds another, 5 a host cannot be reached.')
    .action(async () => {
      const site = readSite(context.siteFile()), own = credentials(context, site, OPERATOR);
      const crlPem = await listToPublish(besideSite(context.siteFile(), site.pki), Date.now());
      if (crlPem === '') { context.say('Nothing was ever revoked: there is no list to send.'); return; }
      await own.revocations.read(); // refuses a file that is none before it is sent to anybody
      const number = own.revocations.list?.number ?? 0;
      const answers = await withLinks(site.hosts, own, async (links) => await Promise.all([...links].map(async ([host, link]) => await publishTo(host, link, crlPem, number))));
      for (const { text } of answers) context.say(text);
      const codes = answers.map(({ code }) => code);
      context.finish(codes.includes(EXIT.failed) ? EXIT.failed : codes.includes(EXIT.unreachable) ? EXIT.unreachable : EXIT.done);
      if (answers.some(({ behind }) => behind === true)) context.tell(`Next: this pki folder is behind: work with the newest copy of it, or restore its ledger.jsonl and ca.crl; then tandem pki revoke and tandem pki publish there. A host that did not take the list lets in who stands in it only.`);
      else context.tell(codes.every((code) => code === EXIT.done) ? 'Next: nothing; each host refuses who stands in the list, within 10 s also on open connections.'
        : 'Next: tandem pki publish again once the host is back, or copy ca.crl to /etc/tandem/pki there: until then it lets in who was revoked.');
    });
}

/** `behind`: the host holds what this folder does not know of. */
interface Answer { text: string; code: number; behind?: true }

async function publishTo(host: string, link: Link, crlPem: string, number: number): Promise<Answer> {
  try {
    const answer = await link.call('PutRevocations', { crlPem }), held = Number(answer['number']);
    if (answer['taken'] === true) return { text: `${host}: taken, number ${String(held)}`, code: EXIT.done };
    if (held > number) return { text: `${host}: not taken: it holds a newer list, number ${String(held)}; this one is number ${String(number)}`, code: EXIT.failed, behind: true };
    return { text: `${host}: has number ${String(held)} already`, code: EXIT.done };
  } catch (error) {
    // A host that was revoked itself is not asked: nobody here trusts its answers.
    if (error instanceof AgentRefused && error.code === 'REVOKED') return { text: `${error.message}; it is sent nothing`, code: EXIT.done };
    if (error instanceof Unreachable) return { text: error.message, code: EXIT.unreachable };
    if (error instanceof AgentRefused && error.code === 'FAILED_PRECONDITION') return { text: `${host}: not taken: it holds another list with the same number ${String(number)}`, code: EXIT.failed, behind: true };
    if (error instanceof AgentRefused) return { text: error.code === 'UNIMPLEMENTED' ? `${host}: its agent is of a version that takes no list` : error.message, code: EXIT.failed };
    throw error;
  }
}
