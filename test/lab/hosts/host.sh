# shellcheck shell=bash
# Sourced after run.sh. One host: find its PID 1, start, stop, kill, reboot, reset, its cable.

# leader RUN HOST: the pid, out here, of the host's PID 1; of a virtual machine, QEMU's
leader() {
  local nspawn pid
  nspawn=$(cat "$(state_of "$1")/$2/machine.pid" 2>/dev/null) || return 1
  if is_vm "$1" "$2"; then echo "$nspawn"; return; fi
  for pid in $(pgrep -P "$nspawn"); do
    if grep -qE '^NSpid:.*\s1$' "/proc/$pid/status" 2>/dev/null; then echo "$pid"; return; fi
  done
  return 1
}

# bounds PID: setpriv's list of the capabilities this PID 1 may ever have
bounds() {
  local mask bit list=-all
  mask=$(awk '/^CapBnd:/ { print $2 }' "/proc/$1/status")
  for bit in {0..40}; do
    (((0x$mask >> bit & 1) == 0)) || list+=,+cap_$bit
  done
  echo "$list"
}

# in_host RUN HOST CMD ARG...: becomes that command
in_host() {
  local run=$1 name=$2 pid
  ! is_vm "$run" "$name" || in_vm "$@"
  shift 2
  pid=$(leader "$run" "$name") || fail "host '$name' of run '$run' is not running"
  # nsenter keeps our own capabilities: without the bound, `date -s` in a host would set this machine's clock. A host that goes down stops
  # its processes before it ends them: an nsenter that forked would stop itself along with its child, never see it end, and PID 1 in there
  # waits for that for ever. A shell does not; it stays outside, its child is in.
  # shellcheck disable=SC2016 # that shell's own
  exec nsenter --target "$pid" --mount --uts --ipc --net --pid --no-fork --cgroup -- sh -c '"$@"; exit $?' sh \
    setpriv --bounding-set="$(bounds "$pid")" --inh-caps=-all -- env -i -C /root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root USER=root TERM=dumb LANG=C.UTF-8 "$@"
}

power_on() {
  local state
  state=$(state_of "$1")/$2
  rm -f "$state/machine.pid"
  setsid "$LAB_HOSTS/supervise" "$1" "$2" </dev/null >>"$state/console.log" 2>&1 &
}

# Running or degraded: every job is done. A unit that keeps restarting holds `starting`, hence the bound.
is_up() {
  local answer
  ! is_vm "$1" "$2" || sleep 1 # each question costs it a tenth of a second
  answer=$(in_host "$1" "$2" systemctl is-system-running 2>/dev/null) || true
  [ "$answer" = running ] || [ "$answer" = degraded ]
}
is_off() { [ -z "$(pids_of "$1" "$2")" ]; }

await_host() {
  local limit=120
  ! is_vm "$1" "$2" || limit=400 # 50 s where nothing else runs
  wait_until "$limit" "host '$2' to finish booting, see $(state_of "$1")/$2/console.log" is_up "$1" "$2"
}

start_host() {
  is_off "$1" "$2" || fail "host '$2' of run '$1' is running"
  power_on "$1" "$2"
  await_host "$1" "$2"
}

# TERM to nspawn is the power button: systemd inside shuts down in order
stop_host() {
  local nspawn
  if nspawn=$(cat "$(state_of "$1")/$2/machine.pid" 2>/dev/null); then
    if is_vm "$1" "$2"; then (in_vm "$1" "$2" systemctl poweroff) || true; else kill -TERM "$nspawn" 2>/dev/null || true; fi
    wait_until 60 "host '$2' to shut down; it is killed now" is_off "$1" "$2" || true
  fi
  wait_until 10 "processes of '$2' to die" kill_all "$1" "$2"
}

kill_host() {
  local pid
  pid=$(leader "$1" "$2") || fail "host '$2' of run '$1' is not running"
  kill -KILL "$pid"
  wait_until 10 "host '$2' to be gone" is_off "$1" "$2"
  start_host "$1" "$2"
}

is_another() { local pid; pid=$(leader "$1" "$2") && [ "$pid" != "$3" ]; }

reboot_host() {
  local pid
  if is_vm "$1" "$2"; then reboot_vm "$1" "$2"; return; fi
  pid=$(leader "$1" "$2") || fail "host '$2' of run '$1' is not running"
  (in_host "$1" "$2" systemctl reboot) || true # its own end may cut it off
  wait_until 60 "host '$2' to reboot" is_another "$1" "$2" "$pid"
  await_host "$1" "$2"
}

reset_host() {
  stop_host "$1" "$2"
  fill_host "$1" "$2"
  start_host "$1" "$2"
}

# reinstall_host RUN NAME ROLE: another root, the same name, address and data disk
reinstall_host() {
  stop_host "$1" "$2"
  recall_layers "$1"
  describe_role "$1" "$2" "$3"
  fill_host "$1" "$2"
  start_host "$1" "$2"
}

# The mark keeps a cut cable cut when the host boots again.
cut_host() {
  touch "$(state_of "$1")/$2/cut"
  in_netns "$1" ip link set "p$(cat "$(state_of "$1")/$2/number")" down
}
mend_host() {
  rm -f "$(state_of "$1")/$2/cut"
  in_netns "$1" ip link set "p$(cat "$(state_of "$1")/$2/number")" up
}
