import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import * as z from 'zod';
import { addressFenced } from './address.fenced.ts';
import { backupRestored } from './backup.restored.ts';
import { backupVerified } from './backup.verified.ts';
import { computeCanary } from './compute.canary.ts';
import { computeDrained } from './compute.drained.ts';
import { computeEmptied } from './compute.emptied.ts';
import { computeScheduling } from './compute.scheduling.ts';
import { computeServices } from './compute.services.ts';
import { configMigrated } from './config.migrated.ts';
import { configReviewed } from './config.reviewed.ts';
import { databaseAsserted } from './database.asserted.ts';
import { databaseDumped } from './database.dumped.ts';
import { databaseSynced } from './database.synced.ts';
import { djangoSettings } from './django.settings.ts';
import { fileCopied } from './file.copied.ts';
import { fileOwned } from './file.owned.ts';
import { firewallReplaced } from './firewall.replaced.ts';
import { hostIdentified } from './host.identified.ts';
import { hostRebooted } from './host.rebooted.ts';
import { httpAnswered } from './http.answered.ts';
import { identityCatalog } from './identity.catalog.ts';
import { imageListed } from './image.listed.ts';
import { iniSet } from './ini.set.ts';
import { lioAsserted } from './lio.asserted.ts';
import { lioSaved } from './lio.saved.ts';
import { logOwned } from './log.owned.ts';
import { lvmActivated } from './lvm.activated.ts';
import { mariadbAdopted } from './mariadb.adopted.ts';
import { mariadbUpgraded } from './mariadb.upgraded.ts';
import { metadataAnswered } from './metadata.answered.ts';
import { mountAsserted } from './mount.asserted.ts';
import { netIfcfg } from './net.ifcfg.ts';
import { netOvsBridge } from './net.ovs.bridge.ts';
import { networkAgents } from './network.agents.ts';
import { openvswitchAnswering } from './openvswitch.answering.ts';
import { packageInstalled } from './package.installed.ts';
import { portListening } from './port.listening.ts';
import { rabbitmqUser } from './rabbitmq.user.ts';
import { repositorySelected } from './repository.selected.ts';
import { rpcCapped } from './rpc.capped.ts';
import { rpcUncapped } from './rpc.uncapped.ts';
import { selinuxBoolean } from './selinux.boolean.ts';
import { selinuxFcontext } from './selinux.fcontext.ts';
import { selinuxRelabeled } from './selinux.relabeled.ts';
import { serviceEnabled } from './service.enabled.ts';
import { serviceMasked } from './service.masked.ts';
import { serviceRestarted } from './service.restarted.ts';
import { serviceRunning } from './service.running.ts';
import { serviceStopped } from './service.stopped.ts';
import { sshMesh } from './ssh.mesh.ts';
import { sshReached } from './ssh.reached.ts';
import { storageIdentified } from './storage.identified.ts';
import { sysctlCarried } from './sysctl.carried.ts';
import { volumeAttached } from './volume.attached.ts';
import { volumeDetached } from './volume.detached.ts';
import { volumeListed } from './volume.listed.ts';
import { volumeServices } from './volume.services.ts';
import type { Operation } from './operation.ts';

export type { Operation, Touches } from './operation.ts';
export { secretRef } from './secret.ts';

/** Every operation there is, sorted by name: the one door through which the coordinator knows the agent's work. */
export const catalogue: readonly Operation[] = [
  addressFenced,
  backupRestored,
  backupVerified,
  computeCanary,
  computeDrained,
  computeEmptied,
  computeScheduling,
  computeServices,
  configMigrated,
  configReviewed,
  databaseAsserted,
  databaseDumped,
  databaseSynced,
  djangoSettings,
  fileCopied,
  fileOwned,
  firewallReplaced,
  hostIdentified,
  hostRebooted,
  httpAnswered,
  identityCatalog,
  imageListed,
  iniSet,
  lioAsserted,
  lioSaved,
  logOwned,
  lvmActivated,
  mariadbAdopted,
  mariadbUpgraded,
  metadataAnswered,
  mountAsserted,
  netIfcfg,
  netOvsBridge,
  networkAgents,
  openvswitchAnswering,
  packageInstalled,
  portListening,
  rabbitmqUser,
  repositorySelected,
  rpcCapped,
  rpcUncapped,
  selinuxBoolean,
  selinuxFcontext,
  selinuxRelabeled,
  serviceEnabled,
  serviceMasked,
  serviceRestarted,
  serviceRunning,
  serviceStopped,
  sshMesh,
  sshReached,
  storageIdentified,
  sysctlCarried,
  volumeAttached,
  volumeDetached,
  volumeListed,
  volumeServices,
];

export function findOperation(name: string): Operation | undefined {
  return catalogue.find((entry) => entry.name === name);
}

// Half of an agent's answer to ListOperations is making these, and both the answer and the digest need each.
const schemas = new Map<Operation['args'], Record<string, unknown>>();

/** An operation's arguments as JSON Schema, for editors, ListOperations and the documentation. Made once: not to be changed. */
export function argsJsonSchema({ args }: Operation): Record<string, unknown> {
  const schema = schemas.get(args) ?? z.toJSONSchema(args, { io: 'input', unrepresentable: 'any' });
  schemas.set(args, schema);
  return schema;
}

/** Two sides with the same digest agree on every name, argument and property that a plan rests on. */
export function catalogueDigest(entries: readonly Operation[] = catalogue): string {
  const facts = entries.map((entry) => ({
    name: entry.name, args: argsJsonSchema(entry), timeoutS: entry.timeoutS, mayKill: entry.mayKill,
    changes: entry.apply !== undefined, reverts: entry.revert !== undefined,
  }));
  return createHash('sha256').update(canonicalize(facts) ?? '').digest('hex');
}
