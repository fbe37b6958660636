# shellcheck shell=bash
# Sourced by rpm-test, which sets root, lab, run and scratch. Packages, their keys and repository, a site of lab hosts.
# shellcheck disable=SC2154,SC2016 # set by rpm-test; $ meant for the shell in the host
:

# says WHAT PATTERN, silent WHAT PATTERN: the last command's output holds a match, or none
says() { if grep -qiE -- "$2" "$scratch/out"; then ok "$1"; else not_ok "$1"; sed 's/^/# /' "$scratch/out"; fi; }
silent() { if grep -qiE -- "$2" "$scratch/out"; then not_ok "$1"; sed 's/^/# /' "$scratch/out"; else ok "$1"; fi; }

# make_key NAME [ALGORITHM [USE]]: a new key in $scratch/NAME, its public half in $scratch/NAME.asc; thrown away with $scratch
make_key() {
  mkdir -m 700 "$scratch/$1"
  gpg --homedir "$scratch/$1" --batch --quiet --passphrase '' --quick-gen-key "Tandem test $1 <$1@example.test>" "${2:-rsa3072}" "${3:-sign}" never 2>>"$scratch/gpg.log"
  gpg --homedir "$scratch/$1" --armor --export >"$scratch/$1.asc"
}
# make_package VERSION OUTPUT [KEY [OPTION...]]: paths as they are seen from $scratch
make_package() {
  local version=$1 output=$2 key=()
  [ -z "${3:-}" ] || key=(--key "$3@example.test" --gnupg-home "$3" "${@:4}")
  (cd "$scratch" && "$root/scripts/rpm" --version "$version" --output "$output" "${key[@]}")
}
# Flips one byte of the payload, in place.
tamper() {
  local at=$(($(stat -c %s "$1") - 1000000))
  printf '\\x%02x' $((0x$(xxd -s $at -l1 -p "$1") ^ 1)) >"$scratch/byte"
  # shellcheck disable=SC2059 # the text is the escape
  printf "$(cat "$scratch/byte")" | dd of="$1" bs=1 seek=$at conv=notrunc status=none
}

on() { local name=$1; shift; "$lab" exec "$run" "$name" "$@"; }
tandem() { "$lab" net "$run" "$root/dist/tandem" --site "$scratch/site.yaml" --state "$scratch/state" "$@"; }
# push NAME FOLDER TO: copies a folder of this machine into a host
push() { tar -C "$2" -c . | on "$1" sh -c 'mkdir -p "$0" && tar --no-same-owner -x -C "$0"' "$3"; }
# enrol NAME: certificate and key into the host, as the operator's guide has it
enrol() { "$root/dist/tandem" pki issue "$1" --dir "$scratch/pki" >"$scratch/pki.log" && push "$1" "$scratch/pki/issued/$1" /etc/tandem/pki; }

make_site() {
  "$root/dist/tandem" pki init --name lab --dir "$scratch/pki" >"$scratch/pki.log" 2>&1
  printf 'tandem: 1\nsite: lab\nrunbook: %s\npki: ./pki\ncoordinator: {address: 10.77.0.254}\nhosts:\n' "$root/test/fixtures/runbooks/slow" >"$scratch/site.yaml"
  local number=0 name
  for name in "$@"; do
    number=$((number + 1))
    printf '  %s: {role: plain, address: 10.77.0.%s, fqdn: %s.example.test}\n' "$name" "$number" "$name" >>"$scratch/site.yaml"
  done
}

# offer FOLDER: the host's repository `tandem` is this folder of packages from now on
offer() {
  createrepo_c --quiet "$1"
  on one rm -rf /srv/tandem
  push one "$1" /srv/tandem
  on one sh -c 'printf "[tandem]\nname=tandem\nbaseurl=file:///srv/tandem\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-tandem\n" >/etc/yum.repos.d/tandem.repo; yum -q clean all'
}
agent_pid() { on "$1" systemctl show -p MainPID tandem-agent | cut -d= -f2; }
# settled SECONDS WHAT COMMAND...: within that time
settled() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >"$scratch/out" 2>&1; do [ $SECONDS -lt $end ] || { not_ok "$what"; sed 's/^/# /' "$scratch/out"; return; }; sleep 0.3; done
  ok "$what"
}
