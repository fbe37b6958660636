/* What the stub has instead of a C library: x86-64 system calls, a few string functions, and the types its parts share. */
#pragma once
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>

#define NULL ((void *)0)
typedef unsigned long u64;
typedef long i64;
enum { PAGE = 4096, PATH_SIZE = 4096, MAX_FOLDER = 3500, PT_HIDDEN_INTERP = 0x6f494e54 };
enum { NOTIFY_FD = 900 }; /* agent/host/notify.ts has the same number */

struct auxiliary { u64 type, value; }; /* a row of what the kernel tells a new program */

/* The first bytes of the stub; `start` says where its code begins, attach.ts fills in the rest: it knows the order and the sizes. */
struct config {
  u64 start, entry, phdrs, phnum, carried_at, carried_size;
  char id[24], need_c[24], need_cxx[24], need_abi[24];
};
extern const volatile struct config config;

/* The carried libraries: a head of 64 bytes, the loader's row first, then the bytes, each on a page of its own. */
struct carried { u64 count; char unused[56]; struct library { char name[48]; u64 at, size; } library[]; };

static inline i64 sys(i64 number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  i64 result;
  register u64 r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
static inline i64 sys_open(const char *path, int flags, int mode) { return sys(__NR_open, (u64)path, flags | O_CLOEXEC, mode, 0, 0, 0); }
static inline void sys_close(i64 fd) { sys(__NR_close, fd, 0, 0, 0, 0, 0); }
static inline i64 sys_fstat(i64 fd, struct stat *status) { return sys(__NR_fstat, fd, (u64)status, 0, 0, 0, 0); }
static inline i64 sys_pread(i64 fd, void *to, u64 size) { return sys(__NR_pread64, fd, (u64)to, size, 0, 0, 0); }
static inline i64 sys_write(i64 fd, const void *from, u64 size) { return sys(__NR_write, fd, (u64)from, size, 0, 0, 0); }
static inline void sys_fchmod(i64 fd, int mode) { sys(__NR_fchmod, fd, mode, 0, 0, 0, 0); }
static inline i64 sys_mkdir(const char *path, int mode) { return sys(__NR_mkdir, (u64)path, mode, 0, 0, 0, 0); }
static inline i64 sys_rename(const char *from, const char *to) { return sys(__NR_rename, (u64)from, (u64)to, 0, 0, 0, 0); }
static inline void sys_unlink(const char *path) { sys(__NR_unlink, (u64)path, 0, 0, 0, 0, 0); }
static inline u64 sys_geteuid(void) { return sys(__NR_geteuid, 0, 0, 0, 0, 0, 0); }
static inline u64 sys_getpid(void) { return sys(__NR_getpid, 0, 0, 0, 0, 0, 0); }
static inline void sys_munmap(u64 at, u64 size) { sys(__NR_munmap, at, size, 0, 0, 0, 0); }
static inline u64 sys_mmap(u64 at, u64 size, int protection, int flags, i64 fd, u64 offset) {
  return sys(__NR_mmap, at, size, protection, flags, fd, offset);
}
static inline int failed(u64 mapped) { return mapped > (u64)-4096; }
static inline u64 page_down(u64 n) { return n & -(u64)PAGE; }
static inline u64 page_up(u64 n) { return page_down(n + PAGE - 1); }

static inline u64 length(const volatile char *s) { u64 n = 0; while (s[n]) n++; return n; }
/* Writes s at `at` and answers its end, where the next one goes. */
static inline char *put(char *at, const volatile char *s) { while (*s) *at++ = *s++; *at = 0; return at; }
static inline char *put_number(char *at, u64 n) {
  char digits[24];
  int i = sizeof digits;
  digits[--i] = 0;
  do digits[--i] = '0' + n % 10; while (n /= 10);
  return put(at, digits + i);
}
static inline int equal(const char *a, const char *b, u64 size) {
  for (; size >= 8; a += 8, b += 8, size -= 8) if (*(const u64 *)a != *(const u64 *)b) return 0;
  for (; size; a++, b++, size--) if (*a != *b) return 0;
  return 1;
}

/* host.c: whether the host's own C and C++ libraries have the versions that the file needs */
int host_suffices(void);
/* loader.c: maps the ELF loader that is open at fd; its load address, or 0; *start is where to jump */
u64 map_loader(i64 fd, u64 *start);
/* unpack.c: the carried libraries, whole, in a folder that only this user or root can write in; an open fd of the
 * loader among them, or -1; `folder` (PATH_SIZE) gets its name. `random` are 8 bytes that no other start has. */
i64 unpack(char *folder, const struct carried *carried, char **environment, const u64 *random);
/* notify.c: a socket to systemd for the agent, when systemd started it */
void leave_notify_socket(char **environment);
/* stub.c */
char *variable(char **environment, const char *name);
