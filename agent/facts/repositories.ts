import type { Probe } from '../host/host.ts';
import { parseRepoFile, type Repository } from '../parse/repo-file.ts';

/** The file that subscription-manager owns: a hand edit of it is lost at the next refresh. */
export const REDHAT_REPO = '/etc/yum.repos.d/redhat.repo';

export type KnownRepository = Repository & { file: string };

/** All repositories of /etc/yum.conf and /etc/yum.repos.d as yum 3.4.3 reads them: files by name, the first of two equal ids counts. No process. */
export async function readRepositories(probe: Probe): Promise<KnownRepository[]> {
  const names = (await probe.list('/etc/yum.repos.d')).filter((name) => name.endsWith('.repo'));
  const known = new Map<string, KnownRepository>();
  for (const file of ['/etc/yum.conf', ...names.map((name) => `/etc/yum.repos.d/${name}`)]) {
    for (const one of parseRepoFile(await probe.readFile(file) ?? '')) if (!known.has(one.id)) known.set(one.id, { ...one, file });
  }
  return [...known.values()];
}
