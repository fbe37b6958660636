#!/bin/sh
# Describes a host for the migration: writes DEST/manifest.tsv (each entry under the folders that the procedure backs up:
# rows P4-P6, P8, P9), its checksum file manifest.tsv.sha256, and facts.json. It copies nothing and changes nothing else.
# usage: capture.sh [-m hot|cold] [-o OBSERVED] ROOT HOST DEST
#   ROOT      where the host's file system is seen: / on the host itself, a folder when it is mounted or copied elsewhere
#   HOST      the host's full name, as its services know it
#   -m        cold: nothing writes to the folders any more; hot (default): services still run
#   -o        folder with saved output of the commands asked below (one file each), for a ROOT that is not the running host
# Needs a POSIX sh and what RHEL 6 has: GNU find, sha256sum, xargs, od, awk, sort. Exit 0 written, 1 failed, 2 usage.
set -eu
export LC_ALL=C
umask 077

usage() { echo 'usage: capture.sh [-m hot|cold] [-o OBSERVED] ROOT HOST DEST' >&2; exit 2; }
die() { echo "capture.sh: $*" >&2; exit 1; }

mode=hot observed=
while getopts m:o: option; do
  case $option in
    m) mode=$OPTARG ;;
    o) observed=$(cd "$OPTARG" && pwd) || exit 2 ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -eq 3 ] || usage
case $mode in hot | cold) ;; *) usage ;; esac
case $2 in '' | *[!A-Za-z0-9.-]*) die "not a host name: $2" ;; esac
host=$2
root=$(cd "$1" && pwd) || exit 1
dest=$(cd "$3" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
case $root in / | //) root= ;; esac                  # so that "$root/etc" is right in both cases
[ -d "$root/etc" ] || die "no etc under ${root:-/}"
work=$(mktemp -d "$dest/.capture.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tab=$(printf '\t')

# ---- manifest.tsv ---------------------------------------------------------------------------------------------------
write_manifest() {
  cd "${root:-/}"
  set --
  for folder in etc root home var/lib/mysql var/lib/glance var/lib/nova; do
    if [ -d "./$folder" ]; then set -- "$@" "./$folder"; fi
  done
  label=%Z                                           # the security context; find complains where there is none
  if [ "$(stat -c %C ./etc 2>/dev/null || echo '?')" = '?' ]; then label=; fi
  find "$@" -printf "%y\\0%m\\0%U\\0%G\\0%s\\0%b\\0%T@\\0$label\\0%D:%i\\0%n\\0%p\\0%l\\0" \
    >"$work/entries" 2>"$work/errors" || true
  if grep -v 'getfilecon failed' "$work/errors" >&2; then die 'the tree could not be read'; fi
  find "$@" -type f -print0 | xargs -0 -r sha256sum -b -- >"$work/sums" || die 'a file could not be read'
  # Names hold any byte, so both lists are read as numbers: od makes no difference between awks and is safe for NUL.
  { cat "$work/sums"; printf '\000'; cat "$work/entries"; } | od -An -v -tu1 |
    awk -v passwd="$root/etc/passwd" -v group="$root/etc/group" "$manifest_awk" >"$work/lines" || die 'no manifest written'
  {
    printf '#tandem-manifest 1\n#host\t%s\n#captured\t%s\n#mode\t%s\n#root\t/\n' \
      "$host" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$mode"
    sort -t "$tab" -k 13,13 "$work/lines"
    printf '#end\t%d\n' "$(wc -l <"$work/lines")"
  } >"$work/manifest.tsv"
  (cd "$work" && sha256sum manifest.tsv >manifest.tsv.sha256)
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

# ---- facts.json -----------------------------------------------------------------------------------------------------
# The saved output of a command, or the command's own; nothing where the host does not have the command.
observe() {
  if [ -n "$observed" ]; then
    if [ -f "$observed/$1" ]; then cat "$observed/$1"; fi
  elif [ -z "$root" ] && command -v "$2" >/dev/null 2>&1; then
    shift
    "$@" 2>/dev/null || true
  fi
}

# One value of an ini file; the last one counts, as in oslo.config.
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

# Lines KIND<TAB>VALUES, which facts_awk makes JSON of.
facts() {
  printf 'host\t%s\n' "$host"
  observe ip-addr ip -4 -o addr show scope global | awk '{ split($4, a, "/"); print "address\t" a[1] }'
  if [ -f "$root/etc/redhat-release" ]; then sed -n '1s/^/release\t/p' "$root/etc/redhat-release"; fi
  observe rpm-qa rpm -qa --qf '%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' | sed 's/^/package\t/'
  for link in "$root"/etc/rc.d/rc3.d/[SK][0-9][0-9]*; do       # what chkconfig reads
    [ -L "$link" ] || continue
    name=${link##*/} state=on
    case $name in K*) state=off ;; esac
    printf 'service\t%s\t%s\n' "${name#???}" "$state"
  done
  observe vgs vgs --noheadings --separator '|' -o vg_name,vg_uuid | awk -F '|' '{ gsub(/ /, ""); print "vg\t" $1 "\t" $2 }'
  observe lvs lvs --noheadings --separator '|' -o vg_name,lv_name | awk -F '|' '{ gsub(/ /, ""); print "lv\t" $1 "\t" $2 }'
  broker=rabbit
  case $(ini /etc/nova/nova.conf DEFAULT rpc_backend) in *qpid) broker=qpid ;; esac
  printf 'broker\t%s\n' "$broker"
  observe rabbitmq-users rabbitmqctl list_users | awk -F '\t' '$2 ~ /^\[/ { print "brokerUser\t" $1 }'
  observe db sh "$here/db-observe" | sed 's/^version/dbVersion/'
  printf 'computeDriver\t%s\n' "$(ini /etc/nova/nova.conf DEFAULT compute_driver)"
  printf 'useLocal\t%s\n' "$(ini /etc/nova/nova.conf conductor use_local)"
  cinder_backends
  printf 'corePlugin\t%s\n' "$(ini /etc/neutron/neutron.conf DEFAULT core_plugin)"
  observe ovs-bridges ovs-vsctl list-br | sed 's/^/bridge\t/'
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
  $1 == "release" { release = $2 }
  $1 == "package" { packages = add(packages, q($2) ": " q($3)) }
  $1 == "service" { services = add(services, q($2) ": " q($3)) }
  $1 == "vg" { vg[++vgs] = $2; uuid[$2] = $3 }
  $1 == "lv" { lvs[$2] = add(lvs[$2], q($3)) }
  $1 == "broker" { broker = $2 }
  $1 == "brokerUser" { users = add(users, q($2)) }
  $1 == "dbVersion" { version = $2 }
  $1 == "schema" { schemas = add(schemas, q($2) ": {\"tables\": " $3 + 0 ", \"rows\": " $4 + 0 "}") }
  $1 == "computeDriver" { driver = $2 }
  $1 == "useLocal" { use_local = tolower($2) == "true" ? "true" : "false" }
  $1 == "lvmBackend" { backends = add(backends, "{\"section\": " q($2) ", \"volumeGroup\": " q($3 == "" ? "cinder-volumes" : $3) "}") }
  $1 == "corePlugin" { plugin = $2 }
  $1 == "bridge" { bridges = add(bridges, q($2)) }
  END {
    for (i = 1; i <= vgs; i++) groups = add(groups, "{\"name\": " q(vg[i]) ", \"uuid\": " q(uuid[vg[i]]) ", \"lvs\": [" lvs[vg[i]] "]}")
    print "{\n  \"format\": 1,"
    print "  \"host\": {\"fqdn\": " q(fqdn) ", \"short\": " q(short) ", \"addresses\": [" addresses "]},"
    print "  \"os\": {\"release\": " q(release) "},"
    print "  \"packages\": {" packages "},\n  \"services\": {" services "},"
    print "  \"lvm\": {\"vgs\": [" groups "]},"
    print "  \"broker\": {\"kind\": " q(broker) ", \"users\": [" users "]},"
    print "  \"db\": {\"schemas\": {" schemas "}, \"version\": " q(version) "},"
    print "  \"nova\": {\"computeDriver\": " q(driver) ", \"conductorUseLocal\": " use_local "},"
    print "  \"cinder\": {\"lvmBackends\": [" backends "]},"
    print "  \"neutron\": {\"corePlugin\": " q(plugin) ", \"bridges\": [" bridges "]}\n}"
  }'

write_manifest
facts >"$work/facts"
awk -F '\t' "$facts_awk" "$work/facts" >"$work/facts.json"
# Into place last, the manifest's checksum before the manifest: a capture that was interrupted is never taken for a whole one.
chmod 0600 "$work/facts.json" "$work/manifest.tsv.sha256" "$work/manifest.tsv"
mv "$work/facts.json" "$work/manifest.tsv.sha256" "$work/manifest.tsv" "$dest/"
