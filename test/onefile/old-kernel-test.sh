# shellcheck shell=bash
# Part of file-test: every system call newer than Linux 3.10 refused, for the agent and for the coordinator.
# shellcheck disable=SC2154,SC2016 # set by file-test; $ meant for awk

old=$scratch/old-kernel release=3.10.0-1160.el7.x86_64
gcc -O2 -Wall -Wextra -Werror -o "$old" "$here/old-kernel.c" || exit 1
same 'the stand-in says the old release' "$("$old" 314 "$release" "$scratch/refused-0" uname -r)" "$release"
carried=(env TANDEM_LIBC=carried TANDEM_RUNTIME_DIR="$scratch/carried")
if serve "$scratch/log" "${carried[@]}" "$old" 314 "$release" "$scratch/refused-1" "$file" "${serving[@]}"; then
  wrapper=$agent
  agent=$(pgrep -P "$wrapper")
  printf 'tandem: 1\nsite: onefile\nrunbook: osp5-to-osp6\npki: %s\ncoordinator: {address: 127.0.0.1}\nhosts:\n  host: {role: plain, address: 127.0.0.1, port: %s, fqdn: host.example.test}\n' \
    "$scratch/pki" "$port" >"$scratch/site.yaml"
  yes 'an agent and a coordinator talk, every system call newer than Linux 3.10 refused' env XDG_STATE_HOME="$scratch/xdg" "${carried[@]}" \
    "$old" 314 "$release" "$scratch/refused-2" "$file" --site "$scratch/site.yaml" op host.identified --host host \
    fqdn="$(hostname -f)" short="$(hostname -s)" addresses="$(hostname -I | cut -d" " -f1)" osId=debian osVersion='*'
  kill "$agent"
  wait "$wrapper"
  agent=
  for part in 1 2; do
    yes "calls were refused (the stand-in bites), none of Linux 3.10 ($([ $part = 1 ] && echo agent || echo coordinator))" \
      awk '$1 < 314 { old = 1 } END { exit old || NR == 0 }' "$scratch/refused-$part"
    echo "# refused, number and how often: $(paste -sd ',' "$scratch/refused-$part")"
  done
else not_ok 'the agent starts with every system call newer than Linux 3.10 refused'; fi
