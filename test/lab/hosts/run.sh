# shellcheck shell=bash
# Sourced. What belongs to a run: its names, its network namespace, its cgroups.

state_of() { printf '/var/tmp/tandem-lab-%s' "$1"; }
netns_of() { printf '/run/netns/tl-%s' "$1"; }
in_netns() { local run=$1; shift; nsenter --net="$(netns_of "$run")" -- "$@"; }

fail() { echo "lab: $*" >&2; exit 1; }

check_run() { [[ $1 =~ ^[a-z0-9]{1,8}$ ]] || fail "run id '$1': expected 1 to 8 of a-z 0-9"; }
check_host() { [[ $1 =~ ^[a-z][a-z0-9-]{0,30}$ ]] || fail "host name '$1': expected a-z, then up to 30 of a-z 0-9 -"; }
need_run() { check_run "$1"; [ -d "$(state_of "$1")" ] || fail "no run '$1' (scripts/lab list shows the runs)"; }
need_host() { need_run "$1"; [ -d "$(state_of "$1")/$2" ] || fail "no host '$2' in run '$1'"; }

# wait_until SECONDS WHAT COMMAND...: every wait of the lab is bounded here
wait_until() {
  local seconds=$1 what=$2 end=$((SECONDS + $1 + 1))
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { echo "lab: gave up after ${seconds}s: $what" >&2; return 1; }
    sleep 0.05
  done
}

# Namespace and bridge. `ip netns add` would leave /run/netns itself mounted; a plain bind leaves nothing.
make_network() {
  local run=$1 netns
  netns=$(netns_of "$run")
  mkdir -p /run/netns
  : >"$netns"
  unshare --net="$netns" true
  # shellcheck disable=SC2016 # for that shell
  in_netns "$run" sh -ec '
    ip link set lo up
    ip link add "$1" type bridge
    ip addr add 10.77.0.254/24 dev "$1"
    ip link set "$1" up' sh "br-$run"
}

remove_network() {
  local netns
  netns=$(netns_of "$1")
  while mountpoint -q "$netns" 2>/dev/null; do umount "$netns"; done
  rm -f "$netns"
}

# Each hierarchy: one with pure cgroup 2, several where the machine still has version 1
cgroup_roots() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo /sys/fs/cgroup
  else find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d; fi
}

# A cgroup of its own for each host: two systemds in one tree would kill each other's services
enter_cgroups() {
  local run=$1 name=$2 root
  for root in $(cgroup_roots); do
    # cpuset takes no process until its cpus are set
    [ "${root##*/}" != cpuset ] || continue
    mkdir -p "$root/tandem-lab/$run/$name"
    echo "$BASHPID" >"$root/tandem-lab/$run/$name/cgroup.procs"
  done
}

# pids_of RUN [HOST]: everything in the run's cgroups and, for the whole run, in its namespace
pids_of() {
  local run=$1 name=${2:-} root
  {
    for root in $(cgroup_roots); do
      find "$root/tandem-lab/$run/$name" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done
    if [ -z "$name" ]; then
      ip netns pids "tl-$run" 2>/dev/null || true
      pgrep -f "^[^ ]*bash $LAB_HOSTS/supervise $run " || true # started, not yet in its cgroup
    fi
  } | sort -un | grep -vx -e "$$" -e 0 || true
}

kill_all() {
  local run=$1 name=${2:-} pids
  mapfile -t pids < <(pids_of "$run" "$name")
  [ "${#pids[@]}" -gt 0 ] || return 0
  kill -KILL "${pids[@]}" 2>/dev/null || true
  return 1
}

# remove_cgroups RUN [HOST]; one try, wait_until repeats it (a cgroup stays busy a moment after its last process)
remove_cgroups() {
  local root left=0
  for root in $(cgroup_roots); do
    find "$root/tandem-lab/$1/${2:-}" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ ! -d "$root/tandem-lab/$1/${2:-}" ] || left=1
    rmdir "$root/tandem-lab" 2>/dev/null || true # the last run takes the parent along
  done
  return "$left"
}
