import type { LabSite } from './lab-site.ts';

const looks = {
  counted: 'cat /var/log/tandem-lab/effects', // rpm scriptlets, unit starts, database syncs: the lab's packages write them
  packages: "rpm -qa --qf '%{NAME} %{EVR} %{INSTALLTIME}\\n' | sort",
  // A user's session manager comes and goes with each runuser; the agent was restarted by the test.
  processes: `systemctl show -p Id -p MainPID -p ExecMainStartTimestampMonotonic -p NRestarts -p UnitFileState '*.service' |
    awk 'BEGIN { RS = ""; FS = "\\n" } { id = ""; rest = ""; for (i = 1; i <= NF; i++) if ($i ~ /^Id=/) id = $i; else rest = rest " " $i; print id rest }' |
    grep -vE '^Id=(tandem-agent|systemd-|user@|user-runtime-dir@)' | sort`,
  files: "find /etc /root /usr/lib/systemd -xdev -not -path '/root/*.py' -printf '%p %y %i %T@ %C@ %m %U %G %s\\n' | sort",
  database: 'sha256sum /var/lib/mysql/mysql_upgrade_info /var/lib/mysql/.tandem* 2>/dev/null; stat -c "%n %i %y %z" /var/lib/mysql/mysql_upgrade_info /var/lib/tandem/dumps/* 2>/dev/null || true',
  firewall: 'iptables-save | grep -v "^#" | sed "s/\\[[0-9:]*\\]//"; ip6tables-save | grep -v "^#" | sed "s/\\[[0-9:]*\\]//"',
};

/** What counts as an effect on a host, by paths that are not the product's. */
export async function effectsOn(site: LabSite, host: string): Promise<Record<keyof typeof looks, string>> {
  const seen = { ...looks };
  for (const [name, command] of Object.entries(looks) as [keyof typeof looks, string][]) seen[name] = await site.sh(host, command);
  return seen;
}
