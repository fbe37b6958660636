// old-kernel FIRST RELEASE LOG COMMAND...: runs COMMAND as on an older x86-64 kernel. Every system call with number FIRST or above
// answers ENOSYS (314: Linux 3.10, whose last one is finit_module, 313), uname() reports RELEASE, and LOG gets the refused
// numbers, each with how often. A stand-in: what a call of an old kernel does stays the new kernel's.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
static int send_fd(int s, int fd) {
  char b = 0, c[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec io = {&b, 1};
  struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c};
  struct cmsghdr *h = CMSG_FIRSTHDR(&m);
  h->cmsg_level = SOL_SOCKET; h->cmsg_type = SCM_RIGHTS; h->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(h), &fd, sizeof fd);
  return sendmsg(s, &m, 0) < 0;
}
static int recv_fd(int s) {
  char b, c[CMSG_SPACE(sizeof(int))];
  struct iovec io = {&b, 1};
  struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c};
  if (recvmsg(s, &m, 0) <= 0) return -1;
  int fd; memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd); return fd;
}
static unsigned long refused[1024];
int main(int argc, char **argv) {
  if (argc < 5) { fprintf(stderr, "usage: old-kernel FIRST RELEASE LOG COMMAND...\n"); return 2; }
  unsigned first = atoi(argv[1]);
  int sv[2]; socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv);
  pid_t pid = fork();
  if (!pid) {
    struct sock_filter f[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_uname, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    };
    struct sock_fprog p = {sizeof f / sizeof *f, f};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int fd = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
    if (fd < 0) { perror("seccomp"); _exit(2); }
    if (send_fd(sv[1], fd)) { perror("sendmsg"); _exit(2); }
    close(fd);
    execvp(argv[4], argv + 4);
    perror(argv[4]); _exit(127);
  }
  close(sv[1]);
  int fd = recv_fd(sv[0]), st = 0;
  signal(SIGINT, SIG_IGN); signal(SIGTERM, SIG_IGN);
  struct seccomp_notif q; struct seccomp_notif_resp r;
  for (;;) {
    struct pollfd pf = {fd, POLLIN, 0};
    if (poll(&pf, 1, 200) > 0 && (pf.revents & POLLIN)) {
      memset(&q, 0, sizeof q); memset(&r, 0, sizeof r);
      if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &q) < 0) continue;
      r.id = q.id;
      if (q.data.nr == __NR_uname) {
        struct utsname u; uname(&u);
        strncpy(u.release, argv[2], sizeof u.release - 1);
        char path[64]; snprintf(path, sizeof path, "/proc/%u/mem", q.pid);
        int m = open(path, O_RDWR);
        if (m < 0 || pwrite(m, &u, sizeof u, (off_t)q.data.args[0]) != sizeof u) r.error = -EFAULT;
        if (m >= 0) close(m);
      } else {
        if (q.data.nr >= 0 && q.data.nr < 1024) refused[q.data.nr]++;
        r.error = -ENOSYS;
      }
      ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r);
    } else if (pf.revents & (POLLHUP | POLLERR)) break;
    if (waitpid(pid, &st, WNOHANG) == pid) { pid = -1; break; }
  }
  if (pid > 0) waitpid(pid, &st, 0);
  FILE *log = fopen(argv[3], "w");
  if (!log) { perror(argv[3]); return 2; }
  for (int i = 0; i < 1024; i++) if (refused[i]) fprintf(log, "%d %lu\n", i, refused[i]);
  fclose(log);
  return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}
