/* Puts the carried libraries into a private folder. What is there already is compared byte by byte with what is carried, so a
 * truncated, corrupted or foreign file is replaced; each file is written beside and renamed, so that starts at once do not meet. */
#include "machine.h"

/* An open fd of the file when it is whole, -1 when it has to be written, -2 when nothing here may be executed. */
static i64 open_whole(const char *path, const char *bytes, u64 size) {
  i64 fd = sys_open(path, O_RDONLY | O_NOFOLLOW, 0);
  if (fd < 0) return -1;
  struct stat status;
  if (sys_fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == S_IFREG && (u64)status.st_size == size) {
    u64 found = sys_mmap(0, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0); /* refused on a file system mounted noexec */
    if (failed(found)) { sys_close(fd); return -2; }
    int whole = equal((char *)found, bytes, size);
    sys_munmap(found, size);
    if (whole) return fd;
  }
  sys_close(fd);
  return -1;
}

static int write_file(const char *path, const char *fresh, const char *bytes, u64 size) {
  i64 fd = sys_open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0755);
  if (fd < 0) return 0;
  u64 done = 0;
  while (done < size) {
    i64 n = sys_write(fd, bytes + done, size - done);
    if (n == -EINTR) continue;
    if (n <= 0) break;
    done += n;
  }
  sys_fchmod(fd, 0755); /* in the package's folder other users start on it too, whatever this one's umask */
  sys_close(fd);
  if (done == size && sys_rename(fresh, path) == 0) return 1;
  sys_unlink(fresh);
  return 0;
}

static i64 fill(const char *folder, const struct carried *carried, const u64 *random) {
  char path[PATH_SIZE], fresh[PATH_SIZE];
  i64 loader = -1;
  for (const struct library *library = carried->library; library < carried->library + carried->count; library++) {
    const char *bytes = (const char *)carried + library->at;
    put(put(put(path, folder), "/"), library->name);
    char *end = put_number(put(put(put(put(fresh, folder), "/."), library->name), "."), sys_getpid());
    put_number(put(end, "."), *random);
    i64 fd = open_whole(path, bytes, library->size);
    if (fd == -1 && write_file(path, fresh, bytes, library->size)) fd = open_whole(path, bytes, library->size);
    if (fd < 0) {
      if (loader >= 0) sys_close(loader);
      return -1;
    }
    if (library == carried->library) loader = fd;
    else sys_close(fd);
  }
  return loader;
}

/* Whether the folder is there, belongs to this user or root, and nobody else can write in it. */
static int is_private(const char *folder) {
  struct stat status;
  i64 fd = sys_open(folder, O_DIRECTORY | O_NOFOLLOW, 0);
  if (fd < 0) return 0;
  i64 known = sys_fstat(fd, &status);
  sys_close(fd);
  return known == 0 && !(status.st_mode & 022) && (status.st_uid == 0 || status.st_uid == sys_geteuid());
}
static int made_private(const char *folder) {
  sys_mkdir(folder, 0700);
  return is_private(folder);
}

/* Writes the n-th folder that may hold the folder of the libraries; NULL: not for this user. */
static char *candidate(int n, char *folder, char **environment, u64 user) {
  static const char *const shared[] = { "/var/tmp", "/tmp", "/dev/shm" };
  char *named = variable(environment, n == 0 ? "TANDEM_RUNTIME_DIR" : n == 2 ? "XDG_CACHE_HOME" : "HOME");
  if (n >= 4) return put_number(put(put(folder, shared[n - 4]), "/tandem-"), user);
  if (n == 1) return user == 0 ? put(folder, "/var/cache/tandem") : NULL;
  if (user == 0 && (n == 2 || n == 3)) return NULL; /* a home may be another user's, who could exchange what is in it */
  if (!named || named[0] != '/' || length(named) > MAX_FOLDER) return NULL;
  char *end = put(folder, named);
  if (n == 0) return end;
  if (n == 3) end = put(end, "/.cache");
  return made_private(folder) ? put(end, "/tandem") : NULL; /* who owns this one could exchange what is in it */
}

i64 unpack(char *folder, const struct carried *carried, char **environment, const u64 *random) {
  for (int n = 0; n < 7; n++) {
    i64 loader = -1;
    char *end = candidate(n, folder, environment, sys_geteuid());
    if (end && made_private(folder)) {
      put(put(end, "/"), config.id);
      if (made_private(folder)) loader = fill(folder, carried, random);
    }
    if (loader < 0 && n == 0) {
      put(put(folder, "/opt/tandem/lib/"), config.id); /* where a site has put them; never made here */
      if (is_private(folder)) loader = fill(folder, carried, random);
    }
    if (loader >= 0) return loader;
  }
  return -1;
}
