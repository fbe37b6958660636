/* Leaves a socket to systemd for the agent: Node can write to a datagram socket of the unix family but not make one. */
#include "machine.h"

enum { AF_UNIX_ = 1, SOCK_DGRAM_ = 2, SOCK_NONBLOCK_ = 04000, SOCK_CLOEXEC_ = 02000000 };

/* A socket connected to NOTIFY_SOCKET becomes descriptor NOTIFY_FD, closed on exec: no child speaks for the agent.
 * Where that fails, nothing is left there, and the agent sees it. */
void leave_notify_socket(char **environment) {
  const char *name = variable(environment, "NOTIFY_SOCKET");
  struct { unsigned short family; char path[108]; } address = { .family = AF_UNIX_ };
  if (!name || (name[0] != '/' && name[0] != '@') || length(name) >= sizeof address.path) return;
  u64 size = put(address.path, name) - address.path;
  if (name[0] == '@') address.path[0] = 0; /* a name that is in no folder: systemd 208 */
  i64 fd = sys(__NR_socket, AF_UNIX_, SOCK_DGRAM_ | SOCK_NONBLOCK_ | SOCK_CLOEXEC_, 0, 0, 0, 0);
  if (fd < 0) return;
  if (sys(__NR_connect, fd, (u64)&address, sizeof address.family + size, 0, 0, 0) == 0) sys(__NR_dup3, fd, NOTIFY_FD, O_CLOEXEC, 0, 0, 0);
  sys_close(fd);
}
