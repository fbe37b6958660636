/* The first code of dist/tandem to run (x86-64 Linux; no C library, no writable data).
 *
 * The file is an ordinary dynamically linked Node executable whose interpreter entry was hidden (attach.ts), so the kernel
 * starts this code instead of the host's loader. It chooses a loader, maps it as the kernel would have, and jumps to it:
 *   - the host's own, when the host's C and C++ libraries are new enough: nothing is unpacked;
 *   - else the one carried at the end of this file, with its libraries, unpacked once into a private folder.
 * The process stays this file (/proc/self/exe, process.execPath), and nothing is put in the environment. */
#include "machine.h"

extern const char _start[];
/* volatile: the compiler must not take the zeros for their values */
__attribute__((section(".config"), used)) const volatile struct config config = { .start = (u64)_start };

/* gcc calls these by itself */
void *memcpy(void *to, const void *from, u64 n) { char *a = to; const char *b = from; while (n--) *a++ = *b++; return to; }
void *memset(void *to, int value, u64 n) { char *a = to; while (n--) *a++ = value; return to; }

char *variable(char **environment, const char *name) {
  u64 n = length(name);
  for (; environment && *environment; environment++) {
    u64 i = 0;
    while (i < n && (*environment)[i] == name[i]) i++;
    if (i == n && (*environment)[n] == '=') return *environment + n + 1;
  }
  return NULL;
}

static void die(const char *why) {
  char line[512], *end = put(put(put(line, "tandem: "), why), "\n");
  sys_write(2, line, end - line);
  for (;;) sys(__NR_exit_group, 126, 0, 0, 0, 0, 0);
}

static int wants_host(const char *mode) {
  if (!mode) return host_suffices();
  int host = length(mode) == 4 && equal(mode, "host", 4), carried = length(mode) == 7 && equal(mode, "carried", 7);
  if (!host && !carried) die("TANDEM_LIBC must be host or carried");
  return host;
}

static u64 map_host_loader(u64 *start) {
  i64 fd = sys_open("/lib64/ld-linux-x86-64.so.2", O_RDONLY, 0);
  u64 base = fd < 0 ? 0 : map_loader(fd, start);
  if (!base) die("the host's loader could not be mapped");
  sys_close(fd);
  return base;
}

/* `folder` gets the name of the folder of the libraries and must stay: the library path points at it. */
static u64 map_carried_loader(const char *self_path, char **environment, const u64 *random, char *folder, Elf64_Dyn *dynamic, u64 *start) {
  i64 self = sys_open("/proc/self/exe", O_RDONLY, 0);
  if (self < 0) self = sys_open(self_path, O_RDONLY, 0); /* no /proc */
  if (self < 0) die("cannot open its own file");
  u64 carried = sys_mmap(0, config.carried_size, PROT_READ, MAP_PRIVATE, self, config.carried_at);
  sys_close(self);
  if (failed(carried)) die("cannot map its own libraries");
  i64 fd = unpack(folder, (struct carried *)carried, environment, random);
  if (fd < 0) die("no folder to unpack its libraries into: each is missing, full, not private to this user, or mounted noexec; name one in TANDEM_RUNTIME_DIR");
  u64 base = map_loader(fd, start);
  sys_close(fd);
  sys_munmap(carried, config.carried_size);
  if (!base) die("its own loader could not be mapped");
  /* The library path goes where only a debugger looks (DT_DEBUG); DT_RPATH is also taken for what is loaded later. */
  u64 strings = 0;
  Elf64_Dyn *free_row = NULL;
  for (Elf64_Dyn *row = dynamic; row->d_tag; row++) {
    if (row->d_tag == DT_STRTAB) strings = row->d_un.d_ptr;
    if (row->d_tag == DT_DEBUG) free_row = row;
  }
  if (!strings || !free_row) die("no room for the library path");
  free_row->d_tag = DT_RPATH;
  free_row->d_un.d_val = (u64)folder - strings;
  return base;
}

/* What the kernel has put on the stack: argc, argv, NULL, environment, NULL, auxiliary vector. Answers where to jump. */
u64 stub_main(u64 *stack) {
  char **arguments = (char **)(stack + 1), **environment = arguments + stack[0] + 1, **end = environment;
  while (*end) end++;
  struct auxiliary *auxiliary = (struct auxiliary *)(end + 1);
  const char *self_path = arguments[0];
  const u64 *random = stack; /* older kernels too give 16 random bytes */
  int secure = 0;
  for (struct auxiliary *row = auxiliary; row->type; row++) {
    if (row->type == AT_SECURE) secure = row->value != 0;
    if (row->type == AT_EXECFN) self_path = (char *)row->value;
    if (row->type == AT_RANDOM) random = (u64 *)row->value;
  }
  char **trusted = secure ? NULL : environment; /* set-uid: the caller's variables say nothing */

  leave_notify_socket(trusted);

  u64 room = sys_mmap(0, 2 * PATH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (failed(room)) die("out of memory");
  Elf64_Phdr *table = (Elf64_Phdr *)room; /* the program headers, with the interpreter entry back */
  char *folder = (char *)room + PATH_SIZE;
  memcpy(table, (void *)config.phdrs, config.phnum * sizeof *table);
  Elf64_Dyn *dynamic = NULL;
  for (u64 i = 0; i < config.phnum; i++) {
    if (table[i].p_type == PT_PHDR) table[i].p_vaddr = table[i].p_paddr = room;
    if (table[i].p_type == PT_HIDDEN_INTERP) table[i].p_type = PT_INTERP;
    if (table[i].p_type == PT_DYNAMIC) dynamic = (Elf64_Dyn *)table[i].p_vaddr;
  }

  u64 start = 0;
  u64 base = wants_host(variable(trusted, "TANDEM_LIBC")) ? map_host_loader(&start)
    : map_carried_loader(self_path, trusted, random, folder, dynamic, &start);
  for (struct auxiliary *row = auxiliary; row->type; row++) {
    if (row->type == AT_PHDR) row->value = room;
    if (row->type == AT_PHNUM) row->value = config.phnum;
    if (row->type == AT_BASE) row->value = base;
    if (row->type == AT_ENTRY) row->value = config.entry;
  }
  return start;
}

/* The loader finds the stack and the registers as the kernel gives them. */
__asm__(".section .text.start,\"ax\"\n.globl _start\n_start: xor %ebp,%ebp\n mov %rsp,%rbx\n mov %rsp,%rdi\n and $-16,%rsp\n"
  " call stub_main\n mov %rbx,%rsp\n xor %edx,%edx\n xor %ebx,%ebx\n jmp *%rax\n.previous\n");
