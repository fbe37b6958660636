# shellcheck shell=bash
# Sourced. TAP-like lines; `bad` is 1 when one was `not ok`. The caller sets `scratch`, a folder.
bad=0
ok() { echo "ok - $1"; }
# shellcheck disable=SC2034 # read by the caller
not_ok() { echo "not ok - $1"; bad=1; }
# shellcheck disable=SC2154 # scratch is the caller's
# yes WHAT COMMAND..., no WHAT COMMAND...: the command succeeds, or fails (the lab bounds its own waits)
yes() { if "${@:2}" >"$scratch/out" 2>&1; then ok "$1"; else not_ok "$1"; sed 's/^/# /' "$scratch/out"; fi; }
no() { if "${@:2}" >"$scratch/out" 2>&1; then not_ok "$1"; sed 's/^/# /' "$scratch/out"; else ok "$1"; fi; }
# same WHAT FOUND EXPECTED
same() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1"; printf '# found:    %s\n# expected: %s\n' "$2" "$3"; fi; }
