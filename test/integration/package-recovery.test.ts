import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Event } from '../../proto/events.ts';
import * as lab from '../lab/lab.ts';
import { startLabSite, until, type LabSite } from './lab-site.ts';
import { runId } from './step-host.ts';

/**
 * yum is at work for the agent when the agent, yum itself or the host dies. The packages are real ones, built here; their scripts
 * note each time they run and can be held, so that every death comes at a known moment. yum is dnf in the lab.
 */
const id = runId('pkg'), host = 'plain1';
const run = promisify(execFile);
let site: LabSite;
const sh = async (command: string): Promise<string> => await site.sh(host, command);

/** slow-c needs slow-b needs slow-a, in versions 1 and 2, in a repository each. */
async function buildPackages(folder: string): Promise<void> {
  for (const version of ['1', '2']) {
    for (const [part, needs] of [['a'], ['b', 'slow-a'], ['c', 'slow-b']] as const) {
      const defines = { _topdir: join(folder, 'top'), _rpmdir: join(folder, 'slow', version), part, ver: version, __os_install_post: '%{nil}', ...(needs === undefined ? {} : { needs: `${needs} = ${version}` }) };
      await run('rpmbuild', ['-bb', ...Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]), join(import.meta.dirname, 'slow-package.spec')]);
    }
    await run('createrepo_c', ['--quiet', join(folder, 'slow', version)]);
  }
}

beforeAll(async () => {
  site = await startLabSite(id, `${host}=plain`);
  const built = join(site.folder, 'packages');
  mkdirSync(built);
  await buildPackages(built);
  await run('tar', ['-C', built, '-cf', join(built, 'slow.tar'), 'slow']);
  await lab.exec(id, host, ['tar', '-x', '-C', '/srv', '--no-same-owner'], { input: readFileSync(join(built, 'slow.tar')) });
  for (const [name, step] of [['new', 'names: [slow-c]'], ['update', 'names: [slow-a, slow-b, slow-c], version: "2"']] as const) {
    mkdirSync(join(site.folder, name));
    writeFileSync(join(site.folder, name, 'runbook.yaml'), `tandem: 1\nname: ${name}\ntitle: Slow packages\nroles:\n  plain: {min: 1}\nphases: [phase.yaml]\n`);
    writeFileSync(join(site.folder, name, 'phase.yaml'), `phase: slow\ntitle: Packages\nstages:\n  - stage: slow\n    on: plain\n    strategy: serial\n    steps:\n      - {id: S1, title: Slow packages, operation: package.installed, with: {${step}}}\n`);
  }
});
afterAll(() => site.down());
beforeEach(async () => {
  await sh(`rm -f /root/hold-* /root/fail-*; rpm -e $(rpm -qa 'slow-*') >/dev/null 2>&1
    for v in 1 2; do printf "[slow$v]\\nname=slow$v\\nbaseurl=file:///srv/slow/$v\\nenabled=1\\ngpgcheck=0\\n" >/etc/yum.repos.d/slow$v.repo; done
    yum -q -y reinstall redhat-release-server >/dev/null 2>&1; : >/root/slow.log`); // an ended transaction on top of what the test before left
});

/** Only version 1 is on offer, so that a plain name means it. */
const onlyFirst = async (): Promise<string> => await sh('sed -i s/enabled=1/enabled=0/ /etc/yum.repos.d/slow2.repo');
const log = async (): Promise<string[]> => (await sh('cat /root/slow.log')).split('\n').filter(Boolean);
const reached = async (line: string): Promise<void> => { await until(line, async () => (await log()).includes(line)); };
const journal = async (id: string): Promise<Event[]> => (await sh(`cat /var/lib/tandem/runs/${id}/journal.jsonl`)).split('\n').map((line) => (JSON.parse(line) as { at: Event }).at);
const yums = (events: Event[]): string[] => events.flatMap((event) => (event.kind === 'spawned' && event.pid !== 0 ? [event.argv.join(' ')] : []));
const step = async (id: string): Promise<unknown> => (await site.report(id)).hosts[0]!.steps[0];
/** Kills yum, which is not the leader of its session. */
const killYum = "kill -9 $(pgrep -f '^/usr/bin/python3 /usr/bin/yum')";

async function begin(name: 'new' | 'update', id: string): Promise<ReturnType<LabSite['begin']>> {
  site.useRunbook(join(site.folder, name));
  await site.must('plan');
  return site.begin('run', '--run-id', id);
}

const whole = async (version: string): Promise<void> => {
  expect(await sh("rpm -qa 'slow-*' | sort; rpm -V slow-a slow-b slow-c; dnf -q check")).toBe(['a', 'b', 'c'].map((part) => `slow-${part}-${version}-1.noarch`).join('\n'));
  expect(await sh("yum history info last | grep 'End rpmdb'"), 'the newest transaction is ended').not.toContain('**');
};
const installedOnce = ['a', 'b', 'c'].flatMap((part) => [`pre ${part} 1 1`, `post ${part} 1 1`, `posted ${part} 1`]);

describe('yum outlives the agent', () => {
  test('it is found again, its output and exit code are collected, no second one is started', async () => {
    await onlyFirst();
    await sh('touch /root/hold-post-b');
    const run = await begin('new', 'outlive');
    await reached('post b 1 1');
    await sh('kill -9 $(systemctl show -p MainPID --value tandem-agent)');
    await until('the next agent waits', async () => (await sh('grep -c "of an earlier try still runs" /var/lib/tandem/runs/outlive/journal.jsonl || true')) === '1');
    await sh('rm /root/hold-post-b');
    expect((await run.ended).code).toBe(0);
    expect(await log()).toEqual(installedOnce);
    const events = await journal('outlive');
    expect(yums(events)).toEqual(['yum -y install slow-c']);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'progress', text: 'yum -y install of an earlier try ended with exit code 0' }));
    expect(events).toContainEqual(expect.objectContaining({ kind: 'output', text: expect.stringContaining('Complete!') as string }));
    await whole('1');
  });

  test('one that fails after the agent died has failed: with its exit code, and not tried again', async () => {
    await onlyFirst();
    await sh('touch /root/hold-pre-a /root/fail-pre-a');
    const run = await begin('new', 'failing');
    await reached('pre a 1 1');
    await sh('kill -9 $(systemctl show -p MainPID --value tandem-agent)');
    await until('the next agent waits', async () => (await sh('grep -c "of an earlier try still runs" /var/lib/tandem/runs/failing/journal.jsonl || true')) === '1');
    await sh('rm /root/hold-pre-a');
    await run.ended;
    expect(await step('failing')).toMatchObject({ result: 'failed', code: 'command_failed', reason: expect.stringMatching(/^yum -y install \.\.\. exited with 1/) as string });
    const events = await journal('failing');
    expect(yums(events)).toEqual(['yum -y install slow-c']);
    expect(events.find(({ kind }) => kind === 'finished')).toMatchObject({ failure: { exitCode: 1, stderrTail: expect.stringContaining('slow-a') as string } });
    expect((await log()).filter((line) => line.startsWith('pre ')), 'each tried once; dnf goes on without the one that failed').toEqual(['pre a 1 1', 'pre b 1 1', 'pre c 1 1']);
  });
});

describe('a package transaction is broken in the middle', () => {
  test('yum is killed while a script runs: the script is waited for, the step fails; the next run undoes the half and installs anew', async () => {
    await onlyFirst();
    await sh('touch /root/hold-post-b');
    const run = await begin('new', 'broken');
    await reached('post b 1 1');
    await sh(killYum);
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    expect((await journal('broken')).some(({ kind }) => kind === 'finished'), 'not while the script of the package still runs').toBe(false);
    await sh('rm /root/hold-post-b');
    await run.ended;
    expect(await step('broken')).toMatchObject({ result: 'failed', code: 'command_failed', reason: expect.stringContaining('was ended by SIGKILL') as string });
    expect(await sh("rpm -qa 'slow-*' | sort")).toBe('slow-a-1-1.noarch\nslow-b-1-1.noarch');

    expect((await (await begin('new', 'mended')).ended).code).toBe(0);
    expect(await step('mended')).toMatchObject({ result: 'changed' });
    expect(await log()).toEqual([...installedOnce.slice(0, 6), 'preun b 1 0', 'preun a 1 0', ...installedOnce]);
    await whole('1');
  });

  test('the host goes down with the script: taken up by itself at the next start, every script runs as in a first install', async () => {
    await onlyFirst();
    await sh('touch /root/hold-post-b');
    const run = await begin('new', 'down');
    await reached('post b 1 1');
    await lab.kill(id, host);
    site.anew(host);
    await sh('rm -f /root/hold-post-b');
    expect((await run.ended).code).toBe(0);
    expect(await step('down')).toMatchObject({ result: 'changed' });
    expect((await log()).slice(-9)).toEqual(installedOnce);
    expect((await journal('down')).filter(({ kind }) => kind === 'finished')).toHaveLength(1);
    await whole('1');
  });

  test('the host goes down while updates replace their old versions: finished, one version of each is left', async () => {
    await sh('yum -q -y install slow-c-1 >/dev/null 2>&1; : >/root/slow.log; touch /root/hold-preun-b');
    const run = await begin('update', 'updating');
    await reached('preun b 1 1');
    await lab.kill(id, host);
    site.anew(host);
    await sh('rm -f /root/hold-preun-b');
    await run.ended;
    expect(await step('updating')).toMatchObject({ result: 'changed' });
    expect(yums(await journal('updating'))).toEqual(['yum -y install slow-a-2 slow-b-2 slow-c-2', 'yum -y remove --duplicates', expect.stringMatching(/^yum -y reinstall slow-c/)]);
    await whole('2');
  });

  test('it can be neither undone nor finished: the reason says how the host is', async () => {
    await onlyFirst();
    await sh('touch /root/hold-post-b');
    const run = await begin('new', 'stuck-1');
    await reached('post b 1 1');
    await sh(`${killYum}; rm /root/hold-post-b; touch /root/fail-preun-b`);
    await run.ended;
    await (await begin('new', 'stuck-2')).ended;
    expect(await step('stuck-2')).toMatchObject({ result: 'failed', code: 'command_failed', reason: expect.stringMatching(/^rpm -e .*slow-b-1-1\.noarch: erase failed; .*yum -y install slow-c.*broken in the middle; installed, perhaps not wholly: slow-b-1-1\.noarch; not installed: slow-a-1-1\.noarch, slow-c-1-1\.noarch; look with: yum history info last/) as string });
  });

  test("another's is left alone, and told before anything is begun", async () => {
    await onlyFirst();
    await sh('touch /root/hold-post-b; (setsid yum -y install slow-b >/dev/null 2>&1 &)');
    await reached('post b 1 1');
    await sh(`${killYum}; rm /root/hold-post-b`);
    const before = await sh("rpm -qa | sort; yum history list | wc -l");
    await (await begin('new', 'foreign')).ended;
    expect(await step('foreign')).toMatchObject({ result: 'failed', code: 'precondition_failed', reason: expect.stringMatching(/yum -y install slow-b.*broken in the middle.*this step did not begin it/) as string });
    expect(await sh("rpm -qa | sort; yum history list | wc -l")).toBe(before);
  });
});
