/* Does the host's own C and C++ library do? Their version names stand in the files as NUL-ended words. */
#include "machine.h"

static int holds(const char *bytes, u64 size, const volatile char *word) {
  u64 whole = length(word) + 1; /* with its NUL: GLIBC_2.2 is not in GLIBC_2.28 */
  char first = word[0];
  for (u64 i = 1; i + whole <= size; i++) {
    if (bytes[i] != first || bytes[i - 1] != 0) continue;
    u64 j = 0;
    while (j < whole && bytes[i + j] == word[j]) j++;
    if (j == whole) return 1;
  }
  return 0;
}

/* The first of the paths that exists decides: it is the one the host's loader would take. */
static int has(const char *const *paths, const volatile char *one, const volatile char *other) {
  for (; *paths; paths++) {
    i64 fd = sys_open(*paths, O_RDONLY, 0);
    if (fd < 0) continue;
    struct stat status;
    if (sys_fstat(fd, &status) < 0) status.st_size = 0;
    u64 bytes = sys_mmap(0, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0); /* of size 0: refused */
    sys_close(fd);
    if (failed(bytes)) return 0;
    int found = holds((char *)bytes, status.st_size, one) && holds((char *)bytes, status.st_size, other);
    sys_munmap(bytes, status.st_size);
    return found;
  }
  return 0;
}

int host_suffices(void) {
  static const char *const c[] = { "/lib64/libc.so.6", "/usr/lib64/libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6", NULL };
  static const char *const cxx[] = { "/usr/lib64/libstdc++.so.6", "/lib64/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", NULL };
  return has(c, config.need_c, config.need_c) && has(cxx, config.need_cxx, config.need_abi);
}
