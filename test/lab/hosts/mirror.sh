# shellcheck shell=bash
# Sourced. Where the machine's own apt gets Debian from, for mmdebstrap.

# Lines for sources.list; other vendors' sources are left out by their release names.
mirror_lines() {
  # shellcheck disable=SC2016 # $ meant for apt's format
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '($2 == "bookworm" || $2 == "bookworm-updates" || $2 == "bookworm-security") && $3 == "main" &&
      !seen[$0]++ { print "deb", $1, $2, $3 }'
}

# Proxies and leniency about stale mirrors, as the machine's own apt has them
apt_options() {
  apt-config dump | grep -E '^Acquire::(Check-Valid-Until|https?::Proxy) ' |
    sed 's/^/--aptopt=/; s/;$//'
}
