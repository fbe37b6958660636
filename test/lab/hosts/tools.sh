# shellcheck shell=bash
# Sourced. Debian tools on the building machine, installed only when missing.

# need_tools COMMAND=PACKAGE...
need_tools() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || { echo "lab: missing ${missing[*]}, and only root can install it" >&2; return 1; }
  install_tools "${missing[@]}" && return
  # the package lists may be absent or old
  local turn
  for turn in $(seq 30); do
    apt-get update -qq >&2 && break
    sleep 2 # another apt-get holds the lists' lock, for which apt has no waiting option
  done
  : "$turn"
  install_tools "${missing[@]}"
}

install_tools() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >&2
}
