# shellcheck shell=bash
# Sourced. Roots to start the packed file in, and what it does there. The caller sets `scratch` and `file` (the packed file).
# shellcheck disable=SC2154

# new_root NAME: an empty root but for the file (one more name of one copy) and the folders a system has; no libc, no /proc.
new_root() {
  root=$scratch/$1
  mkdir -p "$root"/{root,run,var/cache,etc}
  mkdir -m 1777 "$root"/{tmp,var/tmp}
  ln "$file" "$root/tandem"
}
# inside [NAME=VALUE...] COMMAND...: in the root as root; as_nobody: as a user without privileges. Nothing else in the environment.
chroot=$(command -v chroot)
inside() { started_in "$root" "" "$@"; }
as_nobody() { started_in "$root" --userspec=65534:65534 "$@"; }
started_in() {
  local where=$1 user=$2 variables=()
  shift 2
  while [[ $1 == *=* ]]; do variables+=("$1"); shift; done
  env -i "${variables[@]}" "$chroot" ${user:+"$user"} "$where" "$@"
}

# whole FOLDER: the nine libraries and nothing else, each as it should be
libraries=$scratch/libraries
whole() { diff -r "$libraries" "$1" && [ -z "$(find "$1" -name '.*' -type f)" ]; }

# serve LOG COMMAND...: starts it in the background, waits for its line "listening"; sets agent (its pid) and port
serve() {
  local log=$1 turn
  shift
  "$@" >"$log" 2>&1 & # a program, not a function: its pid is wanted
  agent=$!
  for turn in $(seq 100); do
    port=$(sed -n 's/.*listening on port //p' "$log")
    [ -z "$port" ] || return 0
    kill -0 "$agent" 2>/dev/null || break
    sleep 0.1
  done
  : "$turn"
  cat "$log"
  return 1
}
