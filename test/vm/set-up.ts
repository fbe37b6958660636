// What the lab puts into the virtual machine for storage-selinux.test.ts, as shell.

/** LVM activates a group of its own accord a moment after its last disk appeared: waits until it has, or could not. */
export const SETTLED = 'udevadm settle; for i in $(seq 100); do systemctl list-units --no-legend --state=active,activating "lvm-activate-*" | grep -q . || break; sleep 0.5; done; systemctl reset-failed';

/**
 * `cinder-volumes` on the scratch disk with two volumes, all off; `other`, which must stay off; `gone`, exported; `broken`,
 * which misses a disk; and on /srv/disk1, not attached, a second `cinder-volumes` whose UUID is in /srv/twin.
 */
export const LVM = `set -e
scratch=/dev/disk/by-id/virtio-scratch; cd /srv
for i in 0 1 2 3 4; do truncate -s 40M disk$i; losetup /dev/loop$i disk$i; done
pvcreate -qqy $scratch /dev/loop0 /dev/loop1 /dev/loop2 /dev/loop3 /dev/loop4
vgcreate -qq cinder-volumes /dev/loop1
vgs --noheadings -o vg_uuid cinder-volumes >twin
losetup -d /dev/loop1
vgcreate -qq cinder-volumes $scratch
lvcreate -qqy -L 64M -n volume-1 cinder-volumes
lvcreate -qqy -L 64M -n volume-2 cinder-volumes
printf 'tandem pattern 1' | dd of=/dev/cinder-volumes/volume-1 conv=fsync status=none
vgcreate -qq other /dev/loop0
lvcreate -qqy -L 16M -n lv other
vgcreate -qq broken /dev/loop2 /dev/loop3
vgcreate -qq gone /dev/loop4
vgexport -qq gone
losetup -d /dev/loop3
${SETTLED}
vgchange -qqan cinder-volumes other`;

/** One target with CHAP for one initiator, as cinder-volume leaves it: running, and not saved. The initiator knows the password too. */
export const LIO = (iqn: string, initiator: string, password: string): string => `set -e
targetcli >/dev/null <<CALLS
/backstores/block create name=volume-1 dev=/dev/cinder-volumes/volume-1
/iscsi create ${iqn}
/iscsi/${iqn}/tpg1/luns create /backstores/block/volume-1
/iscsi/${iqn}/tpg1/acls create ${initiator}
/iscsi/${iqn}/tpg1/acls/${initiator} set auth userid=cinder password=${password}
/iscsi/${iqn}/tpg1 set attribute authentication=1
CALLS
rm /etc/target/saveconfig.json
cat >>/etc/iscsi/iscsid.conf <<LOGIN
node.session.auth.authmethod = CHAP
node.session.auth.username = cinder
node.session.auth.password = ${password}
LOGIN
mkdir -p /etc/systemd/system/target.service.d
# RHEL's unit does not wait for LVM, which activates in the background: a race that a test must not lose
cat >/etc/systemd/system/target.service.d/volumes.conf <<UNIT
[Service]
ExecStartPre=/usr/bin/timeout 60 sh -c 'until [ -e /dev/cinder-volumes/volume-1 ]; do sleep 1; done'
UNIT
systemctl daemon-reload; systemctl enable -q target`;

/**
 * Below /var/lib/mysql: a file and a folder with wrong types, a link, a customizable type, an ext4 file system and a tmpfs
 * that carry labels, and a tmpfs whose files all have one label by mount option.
 */
export const TREE = {
  make: `set -e
mkdir -p /var/lib/mysql/db /var/lib/mysql/other /var/lib/mysql/memory /var/lib/mysql/context
cd /var/lib/mysql
truncate -s 20M /run/ext4; mkfs.ext4 -qF /run/ext4; losetup /dev/loop7 /run/ext4; mount /dev/loop7 other; rmdir other/lost+found
mount -t tmpfs none memory
mount -t tmpfs -o context=system_u:object_r:public_content_t:s0 none context
for file in ibdata1 'db/a name' db/custom other/file memory/file context/file; do echo x >"$file"; done
ln -s /etc/hosts link
chcon -h -R -t tmp_t ibdata1 db link other memory
chcon -t swapfile_t db/custom`,
  labels: `find /var/lib/mysql -printf '%Z %p\\n' | sort -k2`,
} as const;
