# shellcheck shell=bash
# Sourced. A layer is a folder in the cache, named after the recipe that made it, complete or absent.

LAB_CACHE=${TANDEM_LAB_CACHE:-/var/cache/tandem-lab}

# recipe_key FILE... -> 16 hex digits; file names count, so that a rename is a change
recipe_key() {
  local file
  for file in "$@"; do
    printf '%s\n' "${file##*/}"
    cat -- "$file"
  done | sha256sum | cut -c1-16
}

# build_layer NAME KEY FUNCTION: prints the layer's folder; calls FUNCTION FOLDER when it is not there yet
build_layer() {
  local name=$1 key=$2 build=$3
  local done_folder=$LAB_CACHE/$name-$key temporary lock
  if [ ! -d "$done_folder" ]; then
    mkdir -p "$LAB_CACHE"
    exec {lock}>"$LAB_CACHE/$name.lock"
    # a second run waits for the first one's build, but not for ever
    flock --wait 1200 "$lock" || { echo "$name: another build holds $LAB_CACHE/$name.lock since 20 minutes" >&2; return 1; }
    if [ ! -d "$done_folder" ]; then
      # what an interrupted build left; the lock says that nobody is at it
      rm -rf --one-file-system "$LAB_CACHE/.$name-"*
      temporary=$LAB_CACHE/.$name-$key
      mkdir -p "$temporary"
      "$build" "$temporary" >&2
      mv -T "$temporary" "$done_folder"
    fi
    exec {lock}>&-
  fi
  printf '%s\n' "$done_folder"
}
