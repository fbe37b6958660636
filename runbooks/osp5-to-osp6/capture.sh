#!/bin/sh
# The old side of the migration: run as root on each RHEL 6 host that is replaced. `sh capture.sh help` shows how.
# Needs a POSIX sh and what RHEL 6 itself has; test/fixtures/rhel6 holds every command and option that is used here.
set -eu
export LC_ALL=C
umask 077
tab=$(printf '\t')

help() {
  cat <<'HELP'
usage: capture.sh SUBCOMMAND [OPTION...]

In this order, on the old controller (rows P1 to P12 of the procedure):
  facts     what the plan must know of this host: BACKUP/HOST/facts.json
  hot       first copy, while everything runs; repeat it as often as you like, each run copies what changed
  freeze    stops the services, those that users talk to first; notes which were on. The database goes on
  dump      one dump for each schema (mysqldump --single-transaction), in BACKUP/HOST/dump
  freeze --database   stops the database too
  cold      last copy and its manifest; refuses while the database or a service runs; ends with verify
  manifest  instead of cold, where the data stays on disks of its own (row P1): describes it, copies nothing
  verify    reads the copy again and compares it with its manifest
  fence     services off at every start, and the address given away: --new-address ADDRESS/LENGTH, or --down
On a compute, once it is empty: facts, hot, freeze, cold, fence.
  database  what facts asks of the database, by itself
  unfence   the way back: the address, the services' starts, the services
  probe ADDRESS [PORT...]   from any OTHER host of its network: does anyone answer for ADDRESS; do these ports take connections?

Options:
  --backup FOLDER     the backup medium, mounted (row P2b); one folder for each host is made in it
  --same-disk         take a FOLDER that lies on a disk of this host
  --host NAME         full name of this host, as its services know it (default: what `hostname -f` says)
  --skip PATH         leave PATH out of copy and manifest (repeat it); what backs a loop device is always left out
  --also PATH         take PATH too (repeat it): mounts below the usual folders are not entered by themselves
  --defaults FILE     client options of the database (default: /root/.my.cnf)
  --database          freeze: the database too
  --address A         fence: the address to give away (default: what the name of this host resolves to)
  --new-address A/N   fence: the address and prefix length this host goes on with
  --device NAME       probe: where to ask (default: the device that the route to ADDRESS has)
  --down              fence: this host keeps no address in place of the old one
  --root FOLDER       the host's file system, where it is not /; nothing is asked of this machine then
  --observed FOLDER   with --root: saved output of the commands that facts asks, a file each
  --hot               manifest: services still run

Exit status: 0 done, 1 refused or failed (the last line says why), 2 usage.
HELP
}
usage() { echo "capture.sh: $*; sh capture.sh help shows how" >&2; exit 2; }
die() { echo "capture.sh: $*" >&2; exit 1; }
say() { echo "capture.sh: $*" || true; }            # whoever read this may be gone by now

# ---- what this release has ------------------------------------------------------------------------------------------
# In the order in which they stop: what users talk to, then what takes up work, agents, what those ask, the broker.
services='httpd openstack-nova-api openstack-nova-metadata-api openstack-cinder-api openstack-glance-api openstack-heat-api
openstack-heat-api-cfn openstack-heat-api-cloudwatch openstack-ceilometer-api openstack-swift-proxy openstack-trove-api openstack-sahara-api
neutron-server openstack-nova-novncproxy openstack-nova-xvpvncproxy openstack-nova-spicehtml5proxy openstack-nova-console openstack-nova-cert
openstack-nova-objectstore openstack-nova-scheduler openstack-cinder-scheduler openstack-heat-engine openstack-trove-taskmanager
openstack-trove-conductor openstack-ceilometer-central openstack-ceilometer-collector openstack-ceilometer-notification
openstack-ceilometer-alarm-evaluator openstack-ceilometer-alarm-notifier openstack-ceilometer-compute openstack-nova-compute openstack-nova-network
openstack-nova-cells openstack-cinder-volume openstack-cinder-backup openstack-nova-consoleauth openstack-nova-conductor
neutron-lbaas-agent neutron-vpn-agent neutron-metering-agent neutron-metadata-agent neutron-l3-agent neutron-dhcp-agent
neutron-openvswitch-agent neutron-linuxbridge-agent openstack-glance-registry openstack-keystone memcached mongod rabbitmq-server qpidd'
database=mysqld
folders='etc root home var/spool/cron var/lib/mysql var/lib/glance var/lib/nova var/lib/cinder var/lib/neutron var/lib/rabbitmq'

# ---- arguments ------------------------------------------------------------------------------------------------------
[ $# -gt 0 ] || { help >&2; exit 2; }
command=$1; shift
backup='' host='' root='' observed='' defaults=/root/.my.cnf old_address='' new_address='' device=''
same_disk=no with_database=no down=no hot=no skipped='' added=''
value() { [ $# -gt 1 ] || usage "$1 without its value"; }
path_word() {                                        # a path as the lists below keep it: one word, no pattern, no leading /
  case $1 in
    /*[!A-Za-z0-9._/@:+-]* | *//* | */ | */../* | */..) usage "$1: a plain absolute path is needed" ;;
    /*) printf '%s\n' "${1#/}" ;;
    *) usage "$1: an absolute path is needed" ;;
  esac
}
while [ $# -gt 0 ]; do
  case $1 in
    --backup) value "$@"; backup=$2; shift 2 ;;
    --host) value "$@"; host=$2; shift 2 ;;
    --root) value "$@"; root=$(cd "$2" && pwd) || exit 2; shift 2 ;;
    --observed) value "$@"; observed=$(cd "$2" && pwd) || exit 2; shift 2 ;;
    --skip) value "$@"; word=$(path_word "$2") || exit 2; skipped="$skipped $word"; shift 2 ;;
    --also) value "$@"; word=$(path_word "$2") || exit 2; added="$added $word"; shift 2 ;;
    --defaults) value "$@"; defaults=$2; shift 2 ;;
    --address) value "$@"; old_address=$2; shift 2 ;;
    --new-address) value "$@"; new_address=$2; shift 2 ;;
    --device) value "$@"; device=$2; shift 2 ;;
    --same-disk) same_disk=yes; shift ;;
    --database) with_database=yes; shift ;;
    --down) down=yes; shift ;;
    --hot) hot=yes; shift ;;
    --*) usage "unknown option $1" ;;
    *) break ;;
  esac
done
case $command in
  probe) [ $# -gt 0 ] || usage 'probe needs an address' ;;
  *) [ $# -eq 0 ] || usage "what is $1?" ;;
esac
case $root in / | //) root= ;; esac                  # so that "$root/etc" is right in both cases
state=$root/var/lib/tandem-capture                   # what freeze and fence note, outside all that is copied

need_root() { [ "$(id -u)" = 0 ] || die 'only root can do this'; }
name_host() {
  if [ -z "$host" ]; then
    [ -z "$root" ] || usage '--root without --host'
    host=$(hostname -f) || die 'this host does not know its full name: --host NAME'
  fi
  case $host in *[!A-Za-z0-9.-]* | '' | .* | -*) die "not a host name: $host" ;; esac
}

# ---- the medium -----------------------------------------------------------------------------------------------------
open_backup() {
  need_root
  name_host
  [ -d "$root/etc" ] || die "no etc under ${root:-/}"
  case $backup in '') usage '--backup FOLDER is needed' ;; /*) ;; *) usage "--backup $backup: literally BACKUP or a relative path lands on the disk that will be wiped" ;; esac
  [ -d "$backup" ] || die "$backup is no folder: mount the backup medium first"
  backup=$(cd "$backup" && pwd)
  medium=$(stat -c %d "$backup")
  for folder in '' $folders; do
    if [ "$same_disk" = yes ] || [ ! -d "$root/$folder" ]; then continue; fi
    [ "$(stat -c %d "$root/$folder/.")" != "$medium" ] || die "$backup lies on the same file system as /$folder: mount another one there (--same-disk takes it all the same)"
  done
  if [ "$same_disk" = yes ]; then refuse_below; fi
  try_medium
  tree=$backup/$host
  mkdir -p "$tree"
  work=$(mktemp -d "$tree/.capture.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  take_lock
}

# One at a time; whoever starts a service closes 9 for it, which would hold the lock as long as it runs.
take_lock() {
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock -n 9 || die 'another capture is at work on this host'
}

# A backup below a folder that is copied would be copied into itself, again with each run.
refuse_below() {
  at=$(readlink -f "$backup")
  for folder in $folders $added; do
    [ -d "$root/$folder" ] || continue
    case $at/ in "$(readlink -f "$root/$folder")"/*) die "$backup lies below /$folder, which is copied: choose another folder" ;; esac
  done
}

# Trap 3: an NFS server with root_squash makes root's files nobody's, and unreadable ones unreadable.
try_medium() {
  probe=$backup/.tandem-probe.$$
  trap 'rm -f "$probe"' EXIT
  (echo secret >"$probe") || die "$backup cannot be written to"
  chmod 0600 "$probe"
  found=$(stat -c %u:%g:%a "$probe")
  [ "$found" = 0:0:600 ] || die "$backup: a 0600 file of root becomes $found there (root_squash?): export it with no_root_squash"
  chown 4242:4243 "$probe" 2>/dev/null || true
  found=$(stat -c %u:%g:%a "$probe")
  [ "$found" = 4242:4243:600 ] || die "$backup: a file given to 4242:4243 is $found there (root_squash?): owners would be lost"
  [ "$(cat "$probe")" = secret ] || die "$backup: root cannot read a 0600 file of another user there (root_squash?)"
  rm -f "$probe"
  trap - EXIT
}

# ---- folders --------------------------------------------------------------------------------------------------------
# The folders there are, and what is left out: asked for, or backing a loop device (a volume group made of a file).
choose_folders() {
  chosen=
  for folder in $folders $added; do
    if [ -d "$root/$folder" ] && [ ! -L "$root/$folder" ]; then chosen="$chosen ./$folder"; fi
  done
  left=$skipped
  for file in $(observe losetup losetup -a | sed -n 's/^[^(]*(\(.*\))$/\1/p'); do
    case $file in *[!A-Za-z0-9._/@:+-]*) die "$file backs a loop device and has an odd name: detach it first" ;; esac
    left="$left ${file#/}"
    say "left out, since it backs a loop device: $file"
  done
  awk '{ print $2 }' "$root/proc/mounts" 2>/dev/null | while read -r mount; do
    for folder in $chosen; do
      case $mount in "${folder#.}"/*) say "a mount that is not entered: $mount (--also takes it)" ;; esac
    done
  done
}

# ---- manifest.tsv ---------------------------------------------------------------------------------------------------
# describe FOLDER: $work/lines, a line for each entry under the chosen folders of FOLDER, sorted by path.
describe() {
  cd "${1:-/}"
  set --
  for folder in $left; do set -- "$@" -path "./$folder" -prune -o; done
  label=%Z                                           # the security context; find complains where there is none
  if [ "$(stat -c %C ./etc 2>/dev/null || echo '?')" = '?' ]; then label=; fi
  # shellcheck disable=SC2086 # a list of folders
  find $chosen -xdev "$@" -printf "%y\\0%m\\0%U\\0%G\\0%s\\0%b\\0%T@\\0$label\\0%D:%i\\0%n\\0%p\\0%l\\0" \
    >"$work/entries" 2>"$work/errors" || true
  if grep -v 'getfilecon failed' "$work/errors" >&2; then die 'the tree could not be read'; fi
  # shellcheck disable=SC2086
  find $chosen -xdev "$@" -type f -print0 | xargs -0 -r sha256sum -b -- >"$work/sums" || die 'a file could not be read'
  # Names hold any byte, so both lists are read as numbers: od makes no difference between awks and is safe for NUL.
  { cat "$work/sums"; printf '\000'; cat "$work/entries"; } | od -An -v -tu1 |
    awk -v passwd="$root/etc/passwd" -v group="$root/etc/group" "$manifest_awk" >"$work/unsorted" || die 'no manifest written'
  sort -t "$tab" -k 13,13 "$work/unsorted" >"$work/lines"
  rm -f "$work/entries" "$work/sums" "$work/errors" "$work/unsorted"
}

# write_manifest hot|cold FOLDER: of what `describe` found, into place last, its checksum before it: a capture that was
# interrupted is never taken for a whole one.
write_manifest() {
  {
    printf '#tandem-manifest 1\n#host\t%s\n#captured\t%s\n#mode\t%s\n#root\t/\n' "$host" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1"
    cat "$work/lines"
    printf '#end\t%d\n' "$(wc -l <"$work/lines")"
  } >"$work/manifest.tsv"
  (cd "$work" && sha256sum manifest.tsv >manifest.tsv.sha256)
  sync
  mv "$work/manifest.tsv.sha256" "$work/manifest.tsv" "$2/"
}

# Input: numbers of bytes. First sha256sum's lines up to a zero byte, then entries of 12 fields, each ended by a zero.
# shellcheck disable=SC2016 # an awk program
manifest_awk='
  function names(file, id,   line, part) {
    while ((getline line < file) > 0) { split(line, part, ":"); if (!(part[3] in id)) id[part[3]] = encode(part[1]) }
  }
  function encode(text,   i, out) {
    for (i = 1; i <= length(text); i++) out = out code[substr(text, i, 1)]
    return out == "-" ? "%2D" : out
  }
  function sum_byte(b) {            # "HASH *PATH", or "\HASH *PATH" where PATH has \n, \r and \\ written out
    if (b == 10) { sum[path] = hash; hash = path = ""; at = escaped = 0; return }
    if (at == 0 && b == 92) { escaped = 1; return }
    if (++at <= 64) { hash = hash raw[b]; return }
    if (at <= 66) return
    if (escaped && b == 92 && !after) { after = 1; return }
    if (after) { after = 0; b = b == 110 ? 10 : b == 114 ? 13 : b }
    path = path enc[b]
  }
  function entry(   type, hash, link, path) {
    type = field[1]; path = substr(field[11], 2)     # "./etc" is /etc
    hash = "-"; link = "-"
    if (type == "f") {
      if (!(field[11] in sum)) { print "capture.sh: changed while it was read: " path > "/dev/stderr"; failed = 1; exit 1 }
      hash = sum[field[11]]
      if (field[10] > 1) link = field[9]
    }
    sub(/\..*/, "", field[7])                         # whole seconds
    printf "%s\t%04d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", type, field[2], field[3], field[4], \
      (field[3] in user) ? user[field[3]] : "-", (field[4] in team) ? team[field[4]] : "-", \
      type == "f" ? field[5] : 0, field[6], field[7], hash, field[8] == "" ? "-" : field[8], link, path, \
      type != "l" ? "-" : field[12] == "-" ? "%2D" : field[12]
  }
  BEGIN {
    for (b = 1; b < 256; b++) {
      raw[b] = sprintf("%c", b)
      enc[b] = (b >= 33 && b <= 126 && b != 37) ? raw[b] : sprintf("%%%02X", b)
      code[raw[b]] = enc[b]
    }
    names(passwd, user); names(group, team)
    n = 1
  }
  {
    for (i = 1; i <= NF; i++) {
      b = $i + 0
      if (!in_entries) { if (b == 0) in_entries = 1; else sum_byte(b); continue }
      if (b != 0) { text = text enc[b]; continue }
      field[n] = text; text = ""
      if (n++ == 12) { entry(); n = 1 }
    }
  }
  END { if (failed || n != 1) exit 1 }'

# ---- copy -----------------------------------------------------------------------------------------------------------
# copy [OPTION...]: what is under the chosen folders, into the tree; what is gone here goes there too.
copy() {
  cd "${root:-/}"
  for folder in $left; do set -- "$@" "--exclude=/$folder"; done
  extended=-AX                                       # where the medium takes them (NFS does not); labels are in the manifest
  mkdir -p "$work/try"; : >"$work/from"
  rsync -a -AX "$work/from" "$work/try/" >/dev/null 2>&1 || extended=
  status=0
  # shellcheck disable=SC2086 # a list of folders; an option or none
  rsync -a -H -S -x -R --numeric-ids --delete --delete-excluded $extended "$@" $chosen "$tree/" || status=$?
  chmod 0700 "$tree"                                 # rsync gave it the mode of /
  case $status in
    0) ;;
    24) [ "$hot" = yes ] || die 'files vanished while they were copied: something still runs' ;;
    *) die "rsync ended with $status" ;;
  esac
}

hot_copy() {
  hot=yes
  open_backup
  choose_folders
  copy
  describe "$tree"                                   # of the copy: the source goes on changing
  write_manifest hot "$tree"
  say "hot copy of $host in $tree; next: freeze, when the window opens"
}

cold_copy() {
  open_backup
  refuse_running
  choose_folders
  rm -f "$tree/manifest.tsv" "$tree/manifest.tsv.sha256"
  copy
  describe "${root:-/}"
  mv "$work/lines" "$work/source"
  if ! same_as_copy; then
    say 'copying by content what rsync took for unchanged'
    copy --checksum
    same_as_copy || die 'the copy is not what the host has: see above'
  fi
  mv "$work/source" "$work/lines"
  refuse_running                                     # again: what started meanwhile wrote to what was copied
  write_manifest cold "$tree"
  say "cold copy of $host in $tree, read again and equal; next: fence"
}

manifest_only() {
  open_backup
  mode=hot
  if [ "$hot" = no ]; then refuse_running; mode=cold; fi
  choose_folders
  describe "${root:-/}"
  if [ "$hot" = no ]; then refuse_running; fi        # again: what started meanwhile wrote to what was described
  write_manifest "$mode" "$tree"
  say "$mode manifest of $host in $tree; nothing was copied"
}

verify_copy() {
  open_backup
  [ -f "$tree/manifest.tsv" ] || die "$tree/manifest.tsv is not there: nothing was captured, or it was interrupted"
  (cd "$tree" && sha256sum -c manifest.tsv.sha256 >/dev/null 2>&1) || die "$tree/manifest.tsv is not the file that its checksum was made of"
  [ "$(sed -n 's/^#host\t//p' "$tree/manifest.tsv")" = "$host" ] || die "$tree is of another host"
  grep -v '^#' "$tree/manifest.tsv" >"$work/source" || true
  # the folders that the manifest has, whatever is asked for now
  chosen=$(awk -F '\t' '$1 == "d" { for (p = $13; sub(/\/[^\/]*$/, "", p) && p != "";) if (p in top) next; top[$13]; print "." $13 }' "$work/source")
  left=
  same_as_copy || die 'the copy is not what its manifest says: see above'
  say "$tree is as its manifest says"
}

# Whether the copy, read again, is $work/source. What a medium may do otherwise is not compared: blocks, labels, numbers of
# devices and inodes (which names are one file is compared), the time of a link.
same_as_copy() {
  describe "$tree"
  for list in source lines; do
    awk -F '\t' -v OFS='\t' '{
      if ($12 != "-") { if (!($12 in first)) first[$12] = $13; $12 = first[$12] }
      print $1, $2, $3, $4, $7, ($1 == "l" ? "-" : $9), $10, $12, $13, $14 }' "$work/$list" >"$work/$list.plain"
  done
  cmp -s "$work/source.plain" "$work/lines.plain" && return 0
  diff "$work/source.plain" "$work/lines.plain" | sed -n '1,20p' >&2
  return 1
}

# ---- what runs ------------------------------------------------------------------------------------------------------
installed() { [ -e "$root/etc/rc.d/init.d/$1" ]; }
running() { service "$1" status >/dev/null 2>&1; }

# Trap 2: a copy of files that a server writes to is worth nothing. A lock on its files shows it under any name.
refuse_running() {
  if [ -e "$root/var/lib/mysql/ibdata1" ]; then
    inode=$(stat -c %i "$root/var/lib/mysql/ibdata1")
    if grep -q ":$inode " /proc/locks; then die 'the database runs on /var/lib/mysql: sh capture.sh freeze --database'; fi
  fi
  [ -z "$root" ] || return 0
  if pidof mysqld >/dev/null; then die 'mysqld runs: sh capture.sh freeze --database'; fi
  for name in qemu-kvm qemu-system-x86_64; do
    if pidof "$name" >/dev/null; then die "$name runs: an instance writes to its disk; stop it or move it away"; fi
  done
  for name in $services; do
    if installed "$name" && running "$name"; then die "$name runs: sh capture.sh freeze"; fi
  done
}

# name_state NEW NAME: only what the disk has gets its name, so that no power cut leaves an empty note.
name_state() { sync; mv "$state/$1" "$state/$2"; }

# Noted once, before anything is stopped: NAME, the runlevels in which it starts, whether it ran.
note_services() {
  [ ! -s "$state/services" ] || return 0
  for name in $services $database; do
    installed "$name" || continue
    levels=
    for level in 2 3 4 5; do
      for link in "/etc/rc.d/rc$level.d/S"[0-9][0-9]"$name"; do [ ! -L "$link" ] || levels=$levels$level; done
    done
    ran=no; if running "$name"; then ran=yes; fi
    printf '%s\t%s\t%s\n' "$name" "${levels:--}" "$ran"
  done >"$state/services.new"
  name_state services.new services
}

stop_service() {
  installed "$1" && running "$1" || return 0
  service "$1" stop 9>&- || true
  seconds=0
  while running "$1"; do
    [ $seconds -lt 60 ] || die "$1 still runs a minute after it was told to stop"
    sleep 1; seconds=$((seconds + 1))
  done
  say "stopped $1"
}

freeze() {
  need_root
  [ -z "$root" ] || usage 'freeze works on the running host'
  take_lock
  note_services
  for name in $services; do stop_service "$name"; done
  if [ "$with_database" = yes ]; then stop_service $database; fi
  say 'the services are stopped; unfence starts those that ran'
}

# ---- dumps ----------------------------------------------------------------------------------------------------------
dump_databases() {
  open_backup
  [ -z "$root" ] || usage 'dump works on the running host'
  [ -r "$defaults" ] || die "$defaults is not there: --defaults FILE"
  mkdir -p "$work/dump"
  mysql "--defaults-file=$defaults" --batch --skip-column-names -e 'show databases' >"$work/schemas" || die 'the database does not answer: dump comes before freeze --database'
  while read -r schema; do
    case $schema in information_schema | performance_schema | mysql) continue ;; *[!A-Za-z0-9_]*) die "a schema called $schema" ;; esac
    mysqldump "--defaults-file=$defaults" --single-transaction --routines --triggers --hex-blob "--result-file=$work/dump/$schema.sql" "$schema" || die "no dump of $schema"
    tail -n 1 "$work/dump/$schema.sql" | grep -q '^-- Dump completed' || die "the dump of $schema is cut short"
    say "dumped $schema"
  done <"$work/schemas"
  chosen=. left=
  describe "$work/dump"
  awk -F '\t' '$1 == "f"' "$work/lines" >"$work/only"
  mv "$work/only" "$work/lines"
  mode=cold
  for name in $services; do if installed "$name" && running "$name"; then mode=hot; fi; done
  write_manifest "$mode" "$work/dump"
  rm -rf "$tree/dump.old"
  if [ -d "$tree/dump" ]; then mv "$tree/dump" "$tree/dump.old"; fi
  mv "$work/dump" "$tree/dump"
  rm -rf "$tree/dump.old"
}

# ---- fence ----------------------------------------------------------------------------------------------------------
address_of() { ip -4 -o addr show | awk -v want="$1" '{ split($4, a, "/"); if (a[1] == want) { print $2, $4; exit } }'; }

# check_static INTERFACE ADDRESS: its ifcfg file has this address, in the one key that is rewritten, and no other way to one.
check_static() {
  check_ifcfg "$1"
  # shellcheck disable=SC2016 # an awk program
  wrong=$(awk -v want="$2" '
    /^[ \t]*#/ { next }
    { p = index($0, "="); key = substr($0, 1, p - 1); value = substr($0, p + 1); gsub(/[ \t]/, "", key); gsub(/["\047\r]/, "", value); sub(/[ \t].*/, "", value) }
    key == "IPADDR" { address = value }
    (key == "BOOTPROTO" && tolower(value) ~ /^(dhcp|bootp)$/) || key ~ /^IPADDR[0-9]+$/ { found = key "=" value }
    END { if (found != "") print found; else if (address != want) print "IPADDR=" address }' "$file")
  [ -z "$wrong" ] || die "$file has $wrong: a reboot would bring $2 back; write IPADDR=$2 there, without DHCP or numbered addresses"
}
check_ifcfg() {
  file=/etc/sysconfig/network-scripts/ifcfg-$1
  [ -f "$file" ] || die "$file is not there: this host's address is not set where RHEL 6 has it"
}

# The first copy of the file is kept, under its name once it is whole.
keep_ifcfg() {
  [ ! -s "$state/ifcfg-$1" ] || return 0
  check_ifcfg "$1"
  cp -p "$file" "$state/ifcfg.new"
  name_state ifcfg.new "ifcfg-$1"
}

# One key of an ifcfg file, in place.
set_ifcfg() {
  check_ifcfg "$1"
  grep -v "^$2=" "$file" >"$state/ifcfg.new" || true
  if [ -n "$3" ]; then printf '%s=%s\n' "$2" "$3" >>"$state/ifcfg.new"; fi
  cat "$state/ifcfg.new" >"$file"                    # keeps owner, mode and label
  rm -f "$state/ifcfg.new"
}

# Option A of row P12: this host goes on without its services and without its old address.
fence() {
  need_root
  [ -z "$root" ] || usage 'fence works on the running host'
  [ -n "$new_address" ] || [ "$down" = yes ] || [ -s "$state/fenced" ] || usage 'fence needs --new-address ADDRESS/LENGTH or --down'
  case $new_address in '' | [0-9]*.[0-9]*.[0-9]*.[0-9]*/[0-9]*) ;; *) usage "$new_address: an IPv4 address and its prefix length are needed" ;; esac
  trap '' HUP PIPE                                   # whoever started this may lose the line to this host
  take_lock
  note_services
  if [ ! -s "$state/fenced" ]; then
    name_host
    old=${old_address:-$(getent hosts "$host" | awk '{ print $1; exit }')}
    case $old in
      '') die "no address is known for $host" ;;
      127.*) die "$old is this host's alone, no other host knows it: --address A" ;;
    esac
    # shellcheck disable=SC2046 # two words
    set -- $(address_of "$old")
    [ $# -eq 2 ] || die "$old, the address of $host, is not on this host"
    check_static "$1" "$old"
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "${new_address:--}" "$(ip -4 route show | awk -v dev="$1" '$1 == "default" && $0 ~ " dev " dev "( |$)" { print $3; exit }')" >"$state/fenced.new"
    name_state fenced.new fenced
  fi
  IFS=$tab read -r interface old new gateway <"$state/fenced"
  keep_ifcfg "$interface"
  for name in $services $database; do
    stop_service "$name"
    if installed "$name"; then chkconfig "$name" off; fi
  done
  if [ "$new" = - ]; then
    set_ifcfg "$interface" ONBOOT no
  else
    set_ifcfg "$interface" IPADDR "${new%/*}"
    set_ifcfg "$interface" NETMASK ''
    set_ifcfg "$interface" PREFIX "${new#*/}"
  fi
  if [ -n "$(address_of "${old%/*}")" ]; then ip addr del "$old" dev "$interface"; fi
  if [ "$new" != - ] && [ -z "$(address_of "${new%/*}")" ]; then ip addr add "$new" brd + dev "$interface"; fi
  if [ "$new" != - ] && [ -n "$gateway" ]; then ip route replace default via "$gateway" dev "$interface"; fi
  [ -z "$(address_of "${old%/*}")" ] || die "${old%/*} is still on this host"
  say "fenced: no service starts here, ${old%/*} is given away; next, from two other hosts: sh capture.sh probe ${old%/*}"
}

unfence() {
  need_root
  [ -z "$root" ] || usage 'unfence works on the running host'
  take_lock
  [ -s "$state/services" ] || [ -s "$state/fenced" ] || die 'nothing was frozen or fenced here'
  trap '' HUP PIPE
  if [ -s "$state/fenced" ]; then
    IFS=$tab read -r interface old new gateway <"$state/fenced"
    if [ -z "$(address_of "${old%/*}")" ]; then
      ip link set "$interface" up
      # Never both: -D asks as one that has no address yet, and ends with 1 where somebody answers.
      arping -D -c 3 -w 5 -I "$interface" "${old%/*}" || die "another host answers for ${old%/*}: take it from there first"
      if [ "$new" != - ] && [ -n "$(address_of "${new%/*}")" ]; then ip addr del "$new" dev "$interface"; fi
      ip addr add "$old" brd + dev "$interface"
      if [ -n "$gateway" ]; then ip route replace default via "$gateway" dev "$interface"; fi
      arping -U -c 2 -I "$interface" "${old%/*}" >/dev/null || true
    fi
    # Without a copy, fence ended before it changed the file.
    [ ! -s "$state/ifcfg-$interface" ] || cat "$state/ifcfg-$interface" >"/etc/sysconfig/network-scripts/ifcfg-$interface"
  fi
  # Last stopped, first started.
  awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }' "$state/services" >"$state/services.back"
  while IFS=$tab read -r name levels ran; do
    if [ "$levels" != - ]; then chkconfig --level "$levels" "$name" on; fi
    if [ "$ran" = yes ] && ! running "$name"; then
      (trap - HUP PIPE; exec service "$name" start </dev/null 9>&-) || die "$name does not start"
      say "started $name"
    fi
  done <"$state/services.back"
  rm -f "$state/services.back" "$state/fenced" "$state/services"
  for file in "$state"/ifcfg-*; do [ ! -f "$file" ] || mv "$file" "$state/before-${file##*/}"; done
  say 'this host is the old one again'
}

# ---- probe ----------------------------------------------------------------------------------------------------------
# Exit 0: nobody answers for the address, and no port takes a connection.
probe_address() {
  need_root
  address=$1; shift
  route=$(ip -4 route get "$address" ${device:+oif "$device"}) || die "no route to $address${device:+ on $device}"
  case $route in *' via '*) die "$address lies behind a gateway: ask from a host of its own network, silence says nothing here" ;; esac
  [ -n "$device" ] || device=$(printf '%s\n' "$route" | sed -n 's/.* dev \([^ ]*\).*/\1/p')
  [ -n "$device" ] || die "no route to $address"
  open=no status=0
  answer=$(arping -c 3 -w 5 -I "$device" "$address" 2>&1) || status=$?
  case $status:$answer in
    0:*) say "$address: somebody answers on $device"; open=yes ;;
    1:ARPING*) say "$address: silent on $device" ;;  # it asked, and heard nothing
    *) die "arping could not ask on $device (status $status): $answer" ;;
  esac
  for port in "$@"; do
    case $port in '' | *[!0-9]*) usage "$port: a port number is needed" ;; esac
    status=0
    # shellcheck disable=SC2016 # for bash, which RHEL 6 always has
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$address" "$port" 2>/dev/null || status=$?
    case $status in
      0) say "$address port $port: takes a connection"; open=yes ;;
      124) say "$address port $port: no answer" ;;
      *) say "$address port $port: refused" ;;
    esac
  done
  [ "$open" = no ]
}

# ---- facts.json -----------------------------------------------------------------------------------------------------
# observe FILE COMMAND...: the saved output of a command, or the command's own; nothing where the host does not have it.
observe() {
  if [ -n "$observed" ]; then
    if [ -f "$observed/$1" ]; then cat "$observed/$1"; fi
  elif [ -z "$root" ] && command -v "$2" >/dev/null 2>&1; then
    shift
    "$@" 2>/dev/null || true
  fi
}

# ini FILE SECTION KEY: one value; the last one counts, as in oslo.config.
ini() {
  if [ -f "$root$1" ]; then
    awk -v want="[$2]" -v key="$3" '
      /^[ \t]*[#;]/ { next }
      /^\[/ { section = $1; next }
      section == want { p = index($0, "="); k = substr($0, 1, p - 1); gsub(/[ \t]/, "", k)
        if (p && k == key) { v = substr($0, p + 1); gsub(/^[ \t]+|[ \t\r]+$/, "", v); found = v } }
      END { print found }' "$root$1"
  fi
}

# MYSQL: another client with its options.
ask() {
  # shellcheck disable=SC2086 # a command with its options
  ${MYSQL:-mysql "--defaults-file=$defaults"} --batch --skip-column-names "$@"
}

# Rows are counted, not estimated. Nothing is printed where no server answers.
ask_database() {
  { [ -n "${MYSQL:-}" ] || command -v mysql >/dev/null 2>&1; } || return 0
  ask -e "select 'dbVersion', version()" 2>/dev/null || return 0
  own="table_type = 'BASE TABLE' and table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys')"
  ask -e "select table_schema, table_name from information_schema.tables where $own order by 1, 2" |
    awk -F '\t' 'NF == 2 { gsub(/`/, "``"); printf "select \047%s\047, count(*) from `%s`.`%s`;\n", $1, $1, $2 }' | ask |
    awk -F '\t' '{ tables[$1]++; rows[$1] += $2 } END { for (name in tables) printf "schema\t%s\t%d\t%d\n", name, tables[name], rows[name] }' | sort
  ask -e "select 'notUtf8', concat(table_schema, '.', table_name) from information_schema.tables
    where $own and table_collation not like 'utf8%' and table_name not in ('migrate_version', 'alembic_version') order by 2"
  ask -e "select 'notInnodb', concat(table_schema, '.', table_name) from information_schema.tables where $own and engine <> 'InnoDB' order by 2"
  ask -e "select concat('select \'stamp\', \'', table_schema, '\', version_num from \`', table_schema, '\`.alembic_version;') from information_schema.tables
    where table_name = 'alembic_version'" | ask
  ask -e "select concat('select \'stamp\', \'', table_schema, '\', version from \`', table_schema, '\`.migrate_version;') from information_schema.tables
    where table_name = 'migrate_version'" | ask
}

# Lines KIND<TAB>VALUES, which facts_awk makes JSON of.
facts() {
  printf 'host\t%s\n' "$host"
  observe ip-addr ip -4 -o addr show scope global | awk '{ split($4, a, "/"); print "address\t" a[1]; print "on\t" $2 "\t" $4 }'
  observe ip-link ip -o link show | sed -n 's/^[0-9]*: \([^:@]*\)[:@].* link\/ether \([0-9a-f:]*\).*/mac\t\1\t\2/p'
  observe ip-route ip -4 route show | awk '$1 == "default" && $2 == "via" { print "gateway\t" $3; exit }'
  if [ -f "$root/etc/redhat-release" ]; then sed -n '1s/^/release\t/p' "$root/etc/redhat-release"; fi
  observe rpm-qa rpm -qa --qf '%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' | sed 's/^/package\t/'
  for link in "$root"/etc/rc.d/rc3.d/[SK][0-9][0-9]*; do       # what chkconfig reads
    [ -L "$link" ] || continue
    name=${link##*/} switched=on
    case $name in K*) switched=off ;; esac
    printf 'service\t%s\t%s\n' "${name#???}" "$switched"
  done
  storage_facts
  broker=rabbit
  for conf in nova/nova.conf cinder/cinder.conf neutron/neutron.conf glance/glance-api.conf heat/heat.conf; do
    case $(ini "/etc/$conf" DEFAULT rpc_backend)$(ini "/etc/$conf" DEFAULT notifier_strategy) in *qpid*) broker=qpid ;; esac
  done
  printf 'broker\t%s\n' "$broker"
  observe rabbitmq-users rabbitmqctl list_users | awk -F '\t' '$2 ~ /^\[/ { print "brokerUser\t" $1 }'
  if [ -n "$observed" ]; then observe db cat; elif [ -z "$root" ]; then ask_database; fi
  wsrep=$(cat "$root"/etc/my.cnf "$root"/etc/my.cnf.d/* 2>/dev/null | sed -n 's/^ *wsrep_provider *= *//p' | sed -n '$p')
  printf 'galera\t%s\n' "$wsrep"
  for key in compute_driver network_manager network_api_class host my_ip; do printf 'nova\t%s\t%s\n' "$key" "$(ini /etc/nova/nova.conf DEFAULT $key)"; done
  printf 'useLocal\t%s\n' "$(ini /etc/nova/nova.conf conductor use_local)"
  for key in live_migration_flag live_migration_uri block_migration_flag; do
    found=$(ini /etc/nova/nova.conf libvirt $key)
    printf 'nova\t%s\t%s\n' "$key" "${found:-$(ini /etc/nova/nova.conf DEFAULT $key)}"
  done
  cinder_backends
  printf 'corePlugin\t%s\n' "$(ini /etc/neutron/neutron.conf DEFAULT core_plugin)"
  ini /etc/neutron/neutron.conf DEFAULT service_plugins | tr ',' '\n' | sed -n 's/^ *\(.*[^ ]\) *$/servicePlugin\t\1/p'
  printf 'glanceStore\t%s\n' "$(ini /etc/glance/glance-api.conf DEFAULT default_store)"
  observe ovs-bridges ovs-vsctl list-br >"$work/bridges"
  sed 's/^/bridge\t/' "$work/bridges"
  if [ -n "$observed" ]; then observe ovs-ports cat | sed 's/^/port\t/'; else
    while read -r bridge; do observe - ovs-vsctl list-ports "$bridge" | sed "s/^/port\t$bridge\t/"; done <"$work/bridges"
  fi
}

# Row P1: where the data lies; row P2: by what it is known again when the system under it is a new one.
storage_facts() {
  observe vgs vgs --noheadings --separator '|' -o vg_name,vg_uuid | awk -F '|' '{ gsub(/ /, ""); print "vg\t" $1 "\t" $2 }'
  observe lvs lvs --noheadings --separator '|' -o vg_name,lv_name | awk -F '|' '{ gsub(/ /, ""); print "lv\t" $1 "\t" $2 }'
  observe pvs pvs --noheadings --separator '|' -o pv_name,pv_uuid,vg_name | awk -F '|' '{ gsub(/ /, ""); print "pv\t" $1 "\t" $2 "\t" $3 }'
  observe losetup losetup -a | sed -n 's/^\([^:]*\):[^(]*(\(.*\))$/loop\t\1\t\2/p'
  observe blkid blkid -c /dev/null | awk '{
    device = $1; sub(/:$/, "", device); uuid = type = ""
    for (i = 2; i <= NF; i++) { split($i, a, "\""); if (a[1] == "UUID=") uuid = a[2]; if (a[1] == "TYPE=") type = a[2] }
    if (uuid != "") print "filesystem\t" device "\t" uuid "\t" type }'
  if [ -n "$observed" ]; then observe disks cat | sed 's/^/disk\t/'; elif [ -z "$root" ]; then
    for link in /dev/disk/by-id/wwn-* /dev/disk/by-id/scsi-*; do
      case $link in *'*' | *-part[0-9]*) continue ;; esac
      printf 'disk\t%s\t%s\n' "$(readlink -f "$link")" "${link##*/}"
    done
  fi
  if [ -n "$observed" ]; then observe data cat | sed 's/^/data\t/'; elif [ -z "$root" ]; then
    onroot=$(stat -c %d /)
    for folder in var/lib/mysql var/lib/glance var/lib/nova var/lib/cinder; do
      [ -d "/$folder" ] || continue
      same=false; if [ "$(stat -c %d "/$folder/.")" = "$onroot" ]; then same=true; fi
      # shellcheck disable=SC2046 # two words: device and mount point
      set -- $(df -P "/$folder" | awk 'NR == 2 { print $1, $6 }')
      printf 'data\t/%s\t%s\t%s\t%s\t%s\n' "$folder" "$1" "$2" "$(awk -v at="$2" '$2 == at { type = $3 } END { print type }' /proc/mounts)" "$same"
    done
  fi
}

# Cinder's backends that keep volumes in LVM; without a driver named, Icehouse takes LVM over iSCSI.
cinder_backends() {
  conf=/etc/cinder/cinder.conf
  [ -f "$root$conf" ] || return 0
  sections=$(ini "$conf" DEFAULT enabled_backends | tr ',' ' ')
  for section in ${sections:-DEFAULT}; do
    case $(ini "$conf" "$section" volume_driver) in
      '' | *lvm.LVM*) printf 'lvmBackend\t%s\t%s\n' "$section" "$(ini "$conf" "$section" volume_group)" ;;
    esac
  done
}

# shellcheck disable=SC2016 # an awk program
facts_awk='
  function q(text) {
    gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); gsub(/[\001-\037]/, " ", text)
    return "\"" text "\""
  }
  function add(list, item) { return list == "" ? item : list ", " item }
  $1 == "host" { fqdn = $2; short = $2; sub(/\..*/, "", short) }
  $1 == "address" { addresses = add(addresses, q($2)) }
  $1 == "on" { on[$2] = add(on[$2], q($3)); if (!($2 in order)) { order[$2]; interface[++interfaces] = $2 } }
  $1 == "mac" { mac[$2] = $3; if (!($2 in order)) { order[$2]; interface[++interfaces] = $2 } }
  $1 == "gateway" { gateway = $2 }
  $1 == "release" { release = $2 }
  $1 == "package" { packages = add(packages, q($2) ": " q($3)) }
  $1 == "service" { services = add(services, q($2) ": " q($3)) }
  $1 == "vg" { vg[++vgs] = $2; uuid[$2] = $3 }
  $1 == "lv" { lvs[$2] = add(lvs[$2], q($3)) }
  $1 == "loop" { loop[$2] = $3 }
  $1 == "pv" { pv[++pvs] = $2; pv_uuid[$2] = $3; pv_vg[$2] = $4 }
  $1 == "filesystem" { filesystems = add(filesystems, "{\"device\": " q($2) ", \"uuid\": " q($3) ", \"type\": " q($4) "}") }
  $1 == "disk" { disks = add(disks, "{\"device\": " q($2) ", \"id\": " q($3) "}") }
  $1 == "data" { data = add(data, "{\"path\": " q($2) ", \"device\": " q($3) ", \"mount\": " q($4) ", \"type\": " q($5) ", \"onRoot\": " ($6 == "true" ? "true" : "false") "}") }
  $1 == "broker" { broker = $2 }
  $1 == "brokerUser" { users = add(users, q($2)) }
  $1 == "dbVersion" { version = $2 }
  $1 == "schema" { schemas = add(schemas, q($2) ": {\"tables\": " $3 + 0 ", \"rows\": " $4 + 0 "}") }
  $1 == "notUtf8" { latin = add(latin, q($2)) }
  $1 == "notInnodb" { isam = add(isam, q($2)) }
  $1 == "stamp" { stamps = add(stamps, q($2) ": " q($3)) }
  $1 == "galera" { galera = $2 == "" || $2 == "none" ? "false" : "true" }
  $1 == "nova" { nova[$2] = $3 }
  $1 == "useLocal" { use_local = tolower($2) == "true" ? "true" : "false" }
  $1 == "lvmBackend" { backends = add(backends, "{\"section\": " q($2) ", \"volumeGroup\": " q($3 == "" ? "cinder-volumes" : $3) "}") }
  $1 == "corePlugin" { plugin = $2 }
  $1 == "servicePlugin" { plugins = add(plugins, q($2)) }
  $1 == "glanceStore" { store = $2 }
  $1 == "bridge" { bridges = add(bridges, q($2)); bridge[++bridges_n] = $2 }
  $1 == "port" { ports[$2] = add(ports[$2], q($3)) }
  END {
    for (i = 1; i <= vgs; i++) groups = add(groups, "{\"name\": " q(vg[i]) ", \"uuid\": " q(uuid[vg[i]]) ", \"lvs\": [" lvs[vg[i]] "]}")
    for (i = 1; i <= pvs; i++) physical = add(physical, "{\"device\": " q(pv[i]) ", \"uuid\": " q(pv_uuid[pv[i]]) ", \"vg\": " q(pv_vg[pv[i]]) ", \"loopFile\": " q(loop[pv[i]]) "}")
    for (i = 1; i <= interfaces; i++) nics = add(nics, "{\"name\": " q(interface[i]) ", \"mac\": " q(mac[interface[i]]) ", \"addresses\": [" on[interface[i]] "]}")
    for (i = 1; i <= bridges_n; i++) attached = add(attached, q(bridge[i]) ": [" ports[bridge[i]] "]")
    print "{\n  \"format\": 1,"
    print "  \"host\": {\"fqdn\": " q(fqdn) ", \"short\": " q(short) ", \"addresses\": [" addresses "], \"gateway\": " q(gateway) ",\n    \"interfaces\": [" nics "]},"
    print "  \"os\": {\"release\": " q(release) "},"
    print "  \"packages\": {" packages "},\n  \"services\": {" services "},"
    print "  \"lvm\": {\"vgs\": [" groups "], \"pvs\": [" physical "]},"
    print "  \"storage\": {\"data\": [" data "],\n    \"filesystems\": [" filesystems "],\n    \"disks\": [" disks "]},"
    print "  \"broker\": {\"kind\": " q(broker) ", \"users\": [" users "]},"
    print "  \"db\": {\"schemas\": {" schemas "}, \"version\": " q(version) ", \"galera\": " galera ",\n    \"stamps\": {" stamps "}, \"notUtf8\": [" latin "], \"notInnodb\": [" isam "]},"
    print "  \"nova\": {\"computeDriver\": " q(nova["compute_driver"]) ", \"conductorUseLocal\": " use_local ", \"host\": " q(nova["host"]) ", \"myIp\": " q(nova["my_ip"]) ","
    print "    \"networkManager\": " q(nova["network_manager"]) ", \"networkApiClass\": " q(nova["network_api_class"]) ","
    print "    \"liveMigration\": {\"flag\": " q(nova["live_migration_flag"]) ", \"uri\": " q(nova["live_migration_uri"]) ", \"blockFlag\": " q(nova["block_migration_flag"]) "}},"
    print "  \"cinder\": {\"lvmBackends\": [" backends "]},"
    print "  \"glance\": {\"defaultStore\": " q(store) "},"
    print "  \"neutron\": {\"corePlugin\": " q(plugin) ", \"servicePlugins\": [" plugins "], \"bridges\": [" bridges "], \"bridgePorts\": {" attached "}}\n}"
  }'

write_facts() {
  open_backup
  facts >"$work/facts"
  awk -F '\t' "$facts_awk" "$work/facts" >"$work/facts.json"
  mv "$work/facts.json" "$tree/"
  say "facts of $host in $tree/facts.json"
}

case $command in
  facts) write_facts ;;
  hot) hot_copy ;;
  freeze) freeze ;;
  dump) dump_databases ;;
  cold) cold_copy ;;
  manifest) manifest_only ;;
  verify) verify_copy ;;
  fence) fence ;;
  unfence) unfence ;;
  database) ask_database ;;
  probe) probe_address "$@" ;;
  help | --help | -h) help ;;
  *) usage "unknown subcommand $command" ;;
esac
