import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { InputError, problem } from '../input/problem.ts';
import { SITE_NAME } from '../pki/checks.ts';
import { matching } from './values.ts';

/** A site file to be filled in: valid as it stands, addresses from the range for documentation (RFC 5737). */
export const siteTemplate = (name: string): string => `# The site: which hosts there are, and what the runbook must know of them. Paths are relative to this file.
tandem: 1
site: ${name}
# A built-in runbook by its name, or a folder that begins with ./
runbook: osp5-to-osp6
# ca.crt, operator.crt and operator.key: tandem pki init makes them.
pki: ./pki
# This machine as the hosts see it: no firewall is put in place that shuts it out.
coordinator: {address: 192.0.2.254}

hosts:
  controller:
    role: controller
    # Where the agent is reached; add "port: N" where it is not 7443.
    address: 192.0.2.1
    # The new host keeps the full name of the old one.
    fqdn: controller.example.com
    # Where this host sees the backup of the old host of the same name.
    backup: /mnt/backup/controller.example.com
    # Facts captured on the old host, copied here from the backup; conditions of the plan rest on them.
    captured: ./captured/controller.json
  compute1:
    role: compute
    address: 192.0.2.2
    fqdn: compute1.example.com
    backup: /mnt/backup/compute1.example.com
    captured: ./captured/compute1.json

# Values for the runbook's variables; each has a default.
variables: {}
#  optional_channel: true
#  installer_host: controller
`;

export function initCommand(context: Context): Command {
  return new Command('init').description('Write a commented site file to fill in; never overwrites one.')
    .option('--name <site>', 'name of the site', matching(SITE_NAME, 'a name of small letters, digits, "-" and "_"'), 'mysite')
    .addHelpText('after', '\nExamples:\n  tandem init --name mysite\n  tandem --site mysite/site.yaml init')
    .action(({ name }: { name: string }) => {
      const file = context.siteFile();
      if (existsSync(file)) throw new InputError([problem({ file, line: 1, column: 1 }, 'a file', 'none: it is never overwritten (--site FILE names another)')]);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, siteTemplate(name), { flag: 'wx' });
      context.say(`Wrote ${file}. Next: fill it in, copy the captured facts to where it says, then tandem pki init.`);
    });
}
