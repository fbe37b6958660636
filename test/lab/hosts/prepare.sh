# shellcheck shell=bash
# Sourced after run.sh. Layers, and the folder of each host before it first boots.

# optional_layer SCRIPT: the last line it prints, or an empty folder while the script is not there
optional_layer() {
  if [ -x "$1" ]; then "$1" | tail -n1; return; fi
  echo "lab: $1 is not there; hosts get an empty folder in its place" >&2
  mkdir -p "$LAB_CACHE/empty"
  echo "$LAB_CACHE/empty"
}

# Sets the folders of the four layers
build_layers() {
  need_tools systemd-nspawn=systemd-container ip=iproute2 mmdebstrap=mmdebstrap
  base=$("$LAB_HOSTS/build-base" | tail -n1)
  repos=$(optional_layer "$LAB_HOSTS/../packages/build-repos")
  backup=$(optional_layer "$LAB_HOSTS/../backup/build-backup")
  mkdir -p "$LAB_CACHE/empty"
  [ -d "$backup/backup" ] && backup=$backup/backup || backup=$LAB_CACHE/empty
  fresh=$("$LAB_HOSTS/build-fresh" "$base" "$repos" | tail -n1)
}

# describe_host RUN NAME ROLE NUMBER: what supervise needs to know
describe_host() {
  local state
  state=$(state_of "$1")/$2
  mkdir "$state"
  echo "$3" >"$state/role"
  echo "$4" >"$state/number"
  echo "$fresh/upper:$base" >"$state/lower"
  echo "$repos /srv/repo" >"$state/binds"
  case $3 in controller | compute) echo "$backup /mnt/backup" >>"$state/binds" ;; esac
  # a folder of the caller's, such as the one with the packed file: seen by every host, copied into none
  [ -z "${TANDEM_LAB_BIND:-}" ] || echo "$TANDEM_LAB_BIND" >>"$state/binds"
  [ "$3" != vm ] || describe_vm "$1" "$2"
  printf '10.77.0.%s %s.example.test %s\n' "$4" "$2" "$2" >>"$(state_of "$1")/hosts"
}

# fill_host RUN NAME: a fresh upper layer with what this host has of its own
fill_host() {
  local state etc
  if is_vm "$1" "$2"; then fill_vm "$1" "$2"; return; fi
  state=$(state_of "$1")/$2
  etc=$state/upper/etc
  rm -rf --one-file-system "$state"/{upper,work,root} "$state/cut"
  mkdir -p "$state"/{work,root} "$etc"/{systemd/network,sysconfig} "$state"/upper/{srv/repo,mnt/backup}
  echo "$2" >"$etc/hostname"
  tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
  printf 'NETWORKING=yes\nHOSTNAME=%s.example.test\n' "$2" >"$etc/sysconfig/network"
  # as RHEL's network scripts: the address stays when the cable is out
  printf '[Match]\nName=eth0\n[Network]\nAddress=10.77.0.%s/24\nLinkLocalAddressing=no\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n' \
    "$(cat "$state/number")" >"$etc/systemd/network/10-eth0.network"
  cp "$(state_of "$1")/hosts" "$etc/hosts"
}
