import { ifcfgArgs, lookAtFiles, restoreFiles, saveFiles, touchesFiles, wantedFiles, writeFiles } from './ifcfg-files.ts';
import { finding, operation } from './operation.ts';

/**
 * The ifcfg, route and rule files of named interfaces are those of a backup, fitted to this host (rows C7, N7b): names,
 * HWADDR, NM_CONTROLLED. Writes files and starts nothing: they take effect at the next ifup or start of the host.
 * Errors: precondition_failed for a file the backup lacks, an interface or a HWADDR that this host has not.
 */
export const netIfcfg = operation({
  name: 'net.ifcfg',
  summary: 'The network interface files of a backup are on this host, fitted to its interfaces; they count from the next ifup or start on',
  args: ifcfgArgs, timeoutS: 120, mayKill: true,
  describe: ({ interfaces, nameMap, from }) => `Take the files of ${interfaces.map((name) => (Object.hasOwn(nameMap, name) && nameMap[name] !== name ? `${name} (here ${nameMap[name] ?? ''})` : name)).join(', ')} from ${from}`,
  touches: touchesFiles,
  async check(probe, args) {
    const { found, differences } = await lookAtFiles(probe, await wantedFiles(probe, args));
    return finding({ files: found }, differences);
  },
  async apply(host, args) {
    await saveFiles(host, args);
    await writeFiles(host);
  },
  async revert(host, args) { await restoreFiles(host, args); },
});
