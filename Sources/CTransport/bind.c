// Sockets that are bound and do not listen yet.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "include/transport/loop.h"

static int fail(int fd, char *error, size_t capacity) {
  snprintf(error, capacity, "%s", strerror(errno));
  if (fd >= 0) close(fd);
  return -1;
}

// Whether the socket file is left over: nobody answers there.
static bool is_abandoned(const struct sockaddr_un *address) {
  int const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool const refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
  close(fd);
  return refused;
}

static int bind_path(const char *path, char *error, size_t capacity) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    snprintf(error, capacity, "the path is longer than %zu bytes", sizeof address.sun_path - 1);
    return -1;
  }
  memcpy(address.sun_path, path, strlen(path));
  int const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(fd, error, capacity);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  struct stat status;
  if (errno == EADDRINUSE && lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) && is_abandoned(&address) &&
      unlink(path) == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
    return fd;
  }
  return fail(fd, error, capacity);
}

int transport_bind(const char *address, int port, bool shares, int *bound_port, char *error, size_t error_capacity) {
  *bound_port = port;
  if (port < 0) return bind_path(address, error, error_capacity);
  struct sockaddr_storage storage = {0};
  socklen_t length;
  struct sockaddr_in *const v4 = (struct sockaddr_in *)&storage;
  struct sockaddr_in6 *const v6 = (struct sockaddr_in6 *)&storage;
  bool const is_any = *address == 0;
  if (port > 65535) {
    snprintf(error, error_capacity, "port %d is above 65535", port);
    return -1;
  }
  if (!is_any && inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    length = sizeof *v4;
  } else if (is_any || inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    length = sizeof *v6;
  } else {
    snprintf(error, error_capacity, "%s is not a numeric address", address);
    return -1;
  }
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 && is_any && errno == EAFNOSUPPORT) {
    // A machine without IPv6.
    storage = (struct sockaddr_storage){0};
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    length = sizeof *v4;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  }
  if (fd < 0) return fail(fd, error, error_capacity);
  int const one = 1;
  // An empty address means every address, of both families.
  int const only_v6 = is_any ? 0 : 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
      (shares && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
      (storage.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6) != 0) ||
      bind(fd, (struct sockaddr *)&storage, length) != 0) {
    return fail(fd, error, error_capacity);
  }
  struct sockaddr_storage bound = {0};
  socklen_t bound_length = sizeof bound;
  if (getsockname(fd, (struct sockaddr *)&bound, &bound_length) != 0) return fail(fd, error, error_capacity);
  *bound_port = ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port
                                                 : ((struct sockaddr_in6 *)&bound)->sin6_port);
  return fd;
}
