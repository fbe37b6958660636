/*
 * Preloaded into an agent or a coordinator under test: holds it at one exact line of its journal, and notes what of
 * the journal is on disk. Nothing of it is in the product.
 *   FAULT_FILE    holds the point, "LINE MOMENT": looked for at each line, taken away when read. LINE is counted from then
 *                 on, this one is 1; MOMENT is b before it is written, w when it is, s when it is synced (a line that is
 *                 not synced by itself: with the next one that is). "0 b" is no point.
 *   FAULT_SOCKET  a unix socket: at the point the process connects, and goes on when the other side closes
 *   FAULT_SYNCED  a folder: RUN in it holds the number of bytes of that run's journal that were synced
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fdatasync)(int);
static long lines, point_line;
static char point_moment;

__attribute__((constructor)) static void begin(void) {
  real_write = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
}

static void take_point(void) {
  const char *path = getenv("FAULT_FILE");
  char text[64];
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  unlink(path);
  text[got < 0 ? 0 : got] = 0;
  lines = 0;
  if (sscanf(text, "%ld %c", &point_line, &point_moment) != 2) abort();
}

/* The run whose journal this is, or NULL. */
static const char *run_of(int fd, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return NULL;
  path[length] = 0;
  char *name = strrchr(path, '/');
  if (name == NULL || strcmp(name, "/journal.jsonl") != 0) return NULL;
  *name = 0;
  char *run = strrchr(path, '/');
  return run == NULL ? NULL : run + 1;
}

static void at(char moment) {
  if (point_line == 0 || moment != point_moment || (moment == 's' ? lines < point_line : lines != point_line)) return;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const char *path = getenv("FAULT_SOCKET");
  char text[1];
  point_line = 0;
  int held = path == NULL ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (held < 0) return;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (connect(held, (struct sockaddr *)&address, sizeof address) == 0 && read(held, text, 1) > 0) abort();
  close(held);
}

ssize_t write(int fd, const void *data, size_t size) {
  char path[PATH_MAX];
  if (run_of(fd, path) == NULL) return real_write(fd, data, size);
  take_point();
  lines += 1;
  at('b');
  ssize_t done = real_write(fd, data, size);
  if (done == (ssize_t)size) at('w');
  return done;
}

int fdatasync(int fd) {
  char path[PATH_MAX], name[PATH_MAX + 64], text[32];
  int status = real_fdatasync(fd);
  const char *run = status == 0 ? run_of(fd, path) : NULL, *folder = getenv("FAULT_SYNCED");
  if (run == NULL) return status;
  struct stat entry;
  if (folder != NULL && fstat(fd, &entry) == 0) {
    snprintf(name, sizeof name, "%s/%s", folder, run);
    int note = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (note >= 0) {
      int length = snprintf(text, sizeof text, "%020lld", (long long)entry.st_size);
      if (pwrite(note, text, (size_t)length, 0) != length) abort();
      close(note);
    }
  }
  at('s');
  return status;
}
