# shellcheck shell=bash
# Sourced after run.sh. Layers, and the folder of each host before it first boots.

# optional_layer SCRIPT: the last line it prints, or an empty folder while the script is not there
optional_layer() {
  if [ -x "$1" ]; then "$1" | tail -n1; return; fi
  echo "lab: $1 is not there; hosts get an empty folder in its place" >&2
  mkdir -p "$LAB_CACHE/empty"
  echo "$LAB_CACHE/empty"
}

# Sets the folders of the layers
build_layers() {
  need_tools systemd-nspawn=systemd-container ip=iproute2 mmdebstrap=mmdebstrap
  base=$("$LAB_HOSTS/build-base" | tail -n1)
  repos=$(optional_layer "$LAB_HOSTS/../packages/build-repos")
  backup=$(optional_layer "$LAB_HOSTS/../backup/build-backup")
  mkdir -p "$LAB_CACHE/empty"
  [ -d "$backup/backup" ] && backup=$backup/backup || backup=$LAB_CACHE/empty
  fresh=$("$LAB_HOSTS/build-fresh" "$base" "$repos" | tail -n1)
}

# keep_layers RUN, recall_layers RUN: a host that is installed anew sees what the others see, whatever was built since
keep_layers() { printf '%s\n' "$base" "$repos" "$backup" "$fresh" >"$(state_of "$1")/layers"; }
recall_layers() { { read -r base && read -r repos && read -r backup && read -r fresh; } <"$(state_of "$1")/layers"; }

# captured_number NAME: the last part of the address that this host had in the old cloud; nothing where the backup has no such host
captured_number() { sed -n 's/.*"addresses": \["10\.77\.0\.\([0-9]*\)".*/\1/p' "$backup/$1.example.test/facts.json" 2>/dev/null | head -n1; }

# Sets the folders of the layers that a host of the role `openstack` has besides
build_openstack_layers() {
  debian=$("$LAB_HOSTS/../openstack/build-debian" "$base" | tail -n1)
  debian_rpms=$("$LAB_HOSTS/../openstack/build-rpms" "$debian" | tail -n1)
  debian_old=$("$LAB_HOSTS/../openstack/build-old" "$debian" "$debian_rpms" "$fresh" "$base" "$repos" | tail -n1)
}

# describe_host RUN NAME ROLE NUMBER: what supervise needs to know
describe_host() {
  local state
  state=$(state_of "$1")/$2
  mkdir "$state"
  echo "$4" >"$state/number"
  describe_role "$@"
  printf '10.77.0.%s %s.example.test %s\n' "$4" "$2" "$2" >>"$(state_of "$1")/hosts"
}

# describe_role RUN NAME ROLE: of which layers its root is made, and what it sees of this machine
describe_role() {
  local state bind
  state=$(state_of "$1")/$2
  echo "$3" >"$state/role"
  echo "$fresh/upper:$base" >"$state/lower"
  echo "$repos /srv/repo" >"$state/binds"
  if [ "$3" = openstack ]; then
    echo "$debian/upper:$fresh/upper:$base" >"$state/lower"
    printf '%s /srv/debian\n%s /mnt/backup\n' "$debian_rpms" "$debian_old/backup" >>"$state/binds"
  fi
  case $3 in controller | compute | old-compute) echo "$backup /mnt/backup" >>"$state/binds" ;; esac
  [ "$3" != vm ] || describe_vm "$1" "$2"
  if [ "$3" = old-compute ]; then
    echo "$("$LAB_HOSTS/build-old-compute" "$base" "$fresh" "$repos" | tail -n1)/upper:$fresh/upper:$base" >"$state/lower"
    mkdir "$state/instances" # its data disk: `reinstall` leaves it alone
  else
    # a folder of the caller's, such as the one with the packed file: seen by every new host, copied into none
    bind=$(cat "$(state_of "$1")/bind")
    [ -z "$bind" ] || echo "$bind" >>"$state/binds"
  fi
}

# fill_old_compute STATE NAME: what its capture says of it; users by name, since their numbers here are others
fill_old_compute() {
  local from ids
  from=$(awk '$2 == "/mnt/backup" { print $1 }' "$1/binds")/$2.example.test
  [ -d "$from" ] || fail "host '$2': an old compute needs its backup, and there is none of that name"
  ids=$(sed 's/:.*//' "$1/lower")/etc
  mapped() { join -t: -j1 <(cut -d: -f1,3 "$from/etc/$1" | sort) <(cut -d: -f1,3 "$ids/$1" | sort) | awk -F: '$2 != $3 { printf "%s%s:%s", more, $2, $3; more = "," }'; }
  mkdir -p "$1/upper/var/lib" "$1/upper/etc/ssh"
  local copy=(rsync -a --numeric-ids "--usermap=$(mapped passwd)" "--groupmap=$(mapped group)")
  "${copy[@]}" --exclude='/nova/instances/*' "$from/var/lib/nova" "$1/upper/var/lib/"
  "${copy[@]}" "$from/var/lib/nova/instances/" "$1/instances/"
  "${copy[@]}" "$from"/etc/{nova,neutron,redhat-release} "$1/upper/etc/"
  "${copy[@]}" "$from"/etc/ssh/ssh_host_rsa_key{,.pub} "$1/upper/etc/ssh/"
}

# fill_host RUN NAME: a fresh upper layer with what this host has of its own
fill_host() {
  local state etc
  if is_vm "$1" "$2"; then fill_vm "$1" "$2"; return; fi
  state=$(state_of "$1")/$2
  etc=$state/upper/etc
  rm -rf --one-file-system "$state"/{upper,work,root} "$state/cut"
  mkdir -p "$state"/{work,root} "$etc"/{systemd/network,sysconfig} "$state"/upper/{srv/repo,mnt/backup}
  if [ "$(cat "$state/role")" = openstack ]; then
    mkdir -p "$state/upper/srv/debian" "$etc/yum.repos.d"
    cp "$LAB_HOSTS/../openstack/debian.repo" "$etc/yum.repos.d/"
  fi
  echo "$2" >"$etc/hostname"
  tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
  printf 'NETWORKING=yes\nHOSTNAME=%s.example.test\n' "$2" >"$etc/sysconfig/network"
  # as RHEL's network scripts: the address stays when the cable is out
  printf '[Match]\nName=eth0\n[Network]\nAddress=10.77.0.%s/24\nLinkLocalAddressing=no\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n' \
    "$(cat "$state/number")" >"$etc/systemd/network/10-eth0.network"
  cp "$(state_of "$1")/hosts" "$etc/hosts"
  case $(cat "$state/role") in *compute)
    mkdir -p "$etc/systemd/system/multi-user.target.wants"
    ln -s /usr/lib/systemd/system/sshd.service "$etc/systemd/system/multi-user.target.wants/" ;;
  esac
  [ "$(cat "$state/role")" != old-compute ] || fill_old_compute "$state" "$2"
}
