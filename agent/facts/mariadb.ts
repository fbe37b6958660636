import type { Probe } from '../host/host.ts';
import { parsePrintedDefaults } from '../parse/mysql.ts';

/** Options that the server will start with, from every file it reads. One process. */
export async function readServerOptions(probe: Probe): Promise<Map<string, string>> {
  return parsePrintedDefaults((await probe.read(['my_print_defaults', 'mysqld', 'server', 'mariadb', 'mysqld_safe'])).stdout);
}

export interface User { pid: number; unit: string }

/** The server process that works in a data directory (it makes it its working directory), and its unit, from /proc alone. */
export async function serverIn(probe: Probe, dataDir: string): Promise<User | undefined> {
  for (const name of await probe.list('/proc')) {
    if (!/^\d+$/.test(name) || !/^(mysqld|mariadbd)\s*$/.test(await probe.readFile(`/proc/${name}/comm`) ?? '')) continue;
    if ((await probe.stat(`/proc/${name}/cwd`))?.linkTarget !== dataDir) continue;
    const unit = /\/([\w@.-]+)\.service/.exec(await probe.readFile(`/proc/${name}/cgroup`) ?? '')?.[1] ?? 'no unit';
    return { pid: Number(name), unit };
  }
  return undefined;
}
