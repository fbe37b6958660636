/* Maps an ELF loader (ld-linux-x86-64.so.2) as the kernel would have. */
#include "machine.h"

static int map_segment(i64 fd, u64 base, const Elf64_Phdr *segment) {
  int protection = (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) | (segment->p_flags & PF_X ? PROT_EXEC : 0);
  u64 start = base + segment->p_vaddr, file_end = start + segment->p_filesz, end = start + segment->p_memsz, skew = start % PAGE;
  if (failed(sys_mmap(start - skew, segment->p_filesz + skew, protection, MAP_PRIVATE | MAP_FIXED, fd, segment->p_offset - skew))) return 0;
  if (end == file_end) return 1;
  /* Zeros to the end of the page, as the kernel does: the loader takes its first memory from there. */
  if (protection & PROT_WRITE) for (char *at = (char *)file_end; at < (char *)page_up(file_end); at++) *at = 0;
  u64 more = page_up(file_end), last = page_up(end);
  return last <= more || !failed(sys_mmap(more, last - more, protection, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0));
}

u64 map_loader(i64 fd, u64 *start) {
  char head[2048];
  const Elf64_Ehdr *elf = (Elf64_Ehdr *)head;
  i64 size = sys_pread(fd, head, sizeof head);
  if (size < (i64)sizeof *elf || elf->e_phoff > sizeof head || elf->e_phoff + elf->e_phnum * sizeof(Elf64_Phdr) > (u64)size) return 0;
  const Elf64_Phdr *first = (Elf64_Phdr *)(head + elf->e_phoff), *last = first + elf->e_phnum;
  u64 low = ~0UL, high = 0;
  for (const Elf64_Phdr *segment = first; segment < last; segment++) {
    if (segment->p_type != PT_LOAD) continue;
    if (segment->p_vaddr < low) low = page_down(segment->p_vaddr);
    if (segment->p_vaddr + segment->p_memsz > high) high = page_up(segment->p_vaddr + segment->p_memsz);
  }
  if (high == 0) return 0;
  u64 base = sys_mmap(0, high - low, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (failed(base)) return 0;
  base -= low;
  for (const Elf64_Phdr *segment = first; segment < last; segment++) if (segment->p_type == PT_LOAD && !map_segment(fd, base, segment)) return 0;
  *start = base + elf->e_entry;
  return base;
}
