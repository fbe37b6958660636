# shellcheck shell=bash
# Sourced after run.sh. What is different when a host is a virtual machine; `image` is the folder that build-image printed.
LAB_VM=$LAB_HOSTS/../vm

is_vm() { [ "$(cat "$(state_of "$1")/$2/role" 2>/dev/null)" = vm ]; }

build_vm_layer() {
  need_tools qemu-system-x86_64=qemu-system-x86 qemu-img=qemu-utils mke2fs=e2fsprogs cpio=cpio ip=iproute2 python3=python3
  image=$("$LAB_VM/build-image" | tail -n1)
}

# describe_vm RUN NAME: what fill_vm and boot need to know, beyond what describe_host wrote
describe_vm() {
  local state from megabytes
  state=$(state_of "$1")/$2
  echo "$image" >"$state/image"
  [ -n "${TANDEM_LAB_BIND:-}" ] || return 0
  from=${TANDEM_LAB_BIND%% *}
  echo "${TANDEM_LAB_BIND#* }" >"$state/bind"
  # one copy of the folder for all the run's machines: a disk, for there is no shared file system without network
  [ ! -e "$state/../bind.img" ] || return 0
  megabytes=$(du -sm --apparent-size "$from" | cut -f1)
  truncate -s "$((megabytes + megabytes / 20 + 16))M" "$state/../bind.img"
  mke2fs -q -t ext4 -L lab-bind -m 0 -O '^has_journal' -d "$from" "$state/../bind.img"
}

# fill_vm RUN NAME: fresh disks, and an initrd that knows what this host has of its own
fill_vm() {
  local state etc
  state=$(state_of "$1")/$2
  etc=$state/own/host/etc
  rm -rf --one-file-system "$state"/{own,cut,root.qcow2,scratch.img}
  mkdir -p "$etc/sysconfig/network-scripts"
  echo "$2" >"$etc/hostname"
  tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
  cp "$(state_of "$1")/hosts" "$etc/hosts"
  printf 'NETWORKING=yes\nHOSTNAME=%s.example.test\n' "$2" >"$etc/sysconfig/network"
  printf 'DEVICE=eth0\nTYPE=Ethernet\nBOOTPROTO=none\nONBOOT=yes\nNM_CONTROLLED=no\nHWADDR=%s\nIPADDR=10.77.0.%s\nPREFIX=24\n' \
    "$(mac_of 77 "$(cat "$state/number")")" "$(cat "$state/number")" >"$etc/sysconfig/network-scripts/ifcfg-eth0"
  echo 'LABEL=root / ext4 defaults 0 0' >"$etc/fstab"
  # the copy has no labels of its own: its files are programs
  [ ! -e "$state/bind" ] ||
    echo "LABEL=lab-bind $(cat "$state/bind") ext4 ro,context=system_u:object_r:bin_t:s0 0 0" >>"$etc/fstab"
  { cat "$(cat "$state/image")/initrd.gz"; (cd "$state/own" && find . | cpio --quiet -o -H newc | gzip -1); } >"$state/initrd.gz"
  qemu-img create -q -f qcow2 -F raw -b "$(cat "$state/image")/root.img" "$state/root.qcow2"
  truncate -s 1G "$state/scratch.img"
}

# mac_of KIND NUMBER: 77 is a host's eth0, 7e the lab's own card, which exec-server looks for
mac_of() { printf '52:54:00:%s:00:%02x' "$1" "$2"; }

# in_vm RUN NAME CMD ARG...: becomes that command
in_vm() {
  local run=$1 name=$2 pid
  pid=$(leader "$run" "$name") || fail "host '$name' of run '$run' is not running"
  shift 2
  exec nsenter --net="$(netns_of "$run")" -- /usr/bin/python3 -IS "$LAB_VM/exec-client" \
    "169.254.$(cat "$(state_of "$run")/$name/number").2" "$pid" "$@"
}

boot_id() { (in_vm "$1" "$2" cat /proc/sys/kernel/random/boot_id) 2>/dev/null; }
is_another_boot() { local id; sleep 1; id=$(boot_id "$1" "$2") && [ "$id" != "$3" ]; }

reboot_vm() {
  local id
  id=$(boot_id "$1" "$2") || fail "host '$2' of run '$1' does not answer"
  (in_vm "$1" "$2" systemctl reboot) || true # its own end may cut it off
  wait_until 400 "host '$2' to reboot" is_another_boot "$1" "$2" "$id"
  await_host "$1" "$2"
}
