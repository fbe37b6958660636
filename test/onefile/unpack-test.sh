# shellcheck shell=bash
# Part of file-test: the private folder, whatever is in it and whoever starts the file.
# shellcheck disable=SC2154,SC2016

new_root crowd
pids=()
for n in $(seq 20); do inside /tandem --version >"$scratch/crowd-$n" 2>&1 & pids+=($!); done
failures=0
for pid in "${pids[@]}"; do wait "$pid" || failures=$((failures + 1)); done
same '20 first starts at once: all start' "$failures $(cat "$scratch"/crowd-* | sort | uniq -c | sed 's/^ *//')" "0 20 $version"
folder=$root/var/cache/tandem/$id
yes 'and leave the libraries whole, nothing else' whole "$folder"

# damage WHAT COMMAND...: after it the file still starts, and the libraries are whole again
damage() {
  "${@:2}" || { not_ok "$1: could not damage"; return; }
  ! whole "$folder" >/dev/null || { not_ok "$1: nothing was damaged"; return; }
  same "$1: it starts" "$(inside /tandem --version 2>&1)" "$version"
  yes "$1: and puts it right" whole "$folder"
}
damage 'a truncated libc' truncate -s 100000 "$folder/libc.so.6"
damage 'an empty loader' truncate -s 0 "$folder/ld-linux-x86-64.so.2"
damage 'one byte of libstdc++ changed' dd if=/dev/zero of="$folder/libstdc++.so.6" bs=1 seek=1000000 count=64 conv=notrunc status=none
damage 'a missing libm' rm "$folder/libm.so.6"
umask 077
damage 'a missing librt, under another umask' rm "$folder/librt.so.1"
umask 022
same 'every user can read and start what was put right, whatever the umask' "$(stat -c %a "$folder"/* | sort -u)" 755
damage 'a link in place of libdl' ln -sf libm.so.6 "$folder/libdl.so.2"

# Folders that it must not use, for an unprivileged user who has no home: /var/tmp, then /tmp.
new_root nobody
same 'an unprivileged user: it starts' "$(as_nobody /tandem --version 2>&1)" "$version"
yes 'in a folder of the user' whole "$root/var/tmp/tandem-65534/$id"
same 'which is private' "$(stat -c '%u %a' "$root/var/tmp/tandem-65534" "$root/var/tmp/tandem-65534/$id" | paste -sd ' ')" '65534 700 65534 700'
refuse() { # refuse WHAT COMMAND...: after it, /var/tmp/tandem-65534 is not used but the one in /tmp
  new_root "refuse-$((refused += 1))"
  "${@:2}"
  same "$1: it starts" "$(as_nobody /tandem --version 2>&1)" "$version"
  same "$1: not used" "$(find "$root" -name libc.so.6)" "$root/tmp/tandem-65534/$id/libc.so.6"
}
refused=0
refuse "another user's folder" sh -c 'mkdir -m 777 "$1" && chown 1:1 "$1"' _ "$scratch/refuse-1/var/tmp/tandem-65534"
refuse 'a folder that others can write in' sh -c 'mkdir "$1" && chmod 770 "$1" && chown 65534:65534 "$1"' _ "$scratch/refuse-2/var/tmp/tandem-65534"
refuse 'a link to a folder' sh -c 'mkdir "$1/run/there" && chown 65534 "$1/run/there" && ln -s /run/there "$1/var/tmp/tandem-65534"' _ "$scratch/refuse-3"
new_root home
mkdir -m 700 "$root/home" && chown 65534 "$root/home"
same 'with a home: it starts' "$(as_nobody HOME=/home /tandem --version 2>&1)" "$version"
yes 'in the cache there' whole "$root/home/.cache/tandem/$id"

# A site may put the libraries into /opt/tandem/lib.
new_root rpm
mkdir -p "$root/opt/tandem/lib/$id" && cp "$libraries"/* "$root/opt/tandem/lib/$id"
same 'with the libraries of the RPM: it starts' "$(as_nobody /tandem --version 2>&1)" "$version"
same 'and unpacks nothing' "$(find "$root" -name libc.so.6)" "$root/opt/tandem/lib/$id/libc.so.6"
mkdir -m 700 "$root/named" && chown 65534 "$root/named"
same 'a named folder comes first: it starts' "$(as_nobody TANDEM_RUNTIME_DIR=/named /tandem --version 2>&1)" "$version"
yes 'and unpacks there' whole "$root/named/$id"

# noexec and full file systems, in a mount namespace of their own.
new_root noexec
mkdir "$root/dev" "$root/dev/shm"
mounted() { # mounted OPTIONS FOLDER...: starts in the root with such file systems on these folders; lists libc and what is unfinished
  unshare -m sh -c 'options=$1 root=$2; shift 2; for folder; do mount -t tmpfs -o "$options" none "$root/$folder" || exit 9; done
    env -i "$(command -v chroot)" "$root" /tandem --version; status=$?; find "$root" -name libc.so.6 -o -name ".*" -type f | sort; exit "$status"' _ "$1" "$root" "${@:2}" 2>&1
}
same 'a noexec folder is passed over' "$(mounted noexec var/cache root)" "$version
$root/var/tmp/tandem-0/$id/libc.so.6"
rm -r "$root/var/tmp/tandem-0"
# The loader and libc still fit into it, whole
same 'a full file system is passed over, and nothing half written is left there' "$(mounted size=3m var/cache root)" "$version
$root/var/cache/tandem/$id/libc.so.6
$root/var/tmp/tandem-0/$id/libc.so.6"
rm -r "$root/var/tmp/tandem-0"
said=$(mounted noexec var/cache root var/tmp tmp dev/shm)
same 'noexec everywhere: refused' "$? $(head -1 <<<"$said" | cut -d: -f1)" '126 tandem'
yes 'and told what to set' grep -q TANDEM_RUNTIME_DIR <<<"$said"
