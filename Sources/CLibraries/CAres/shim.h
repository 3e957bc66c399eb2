// c-ares, which asks name servers.
#pragma once
#include <ares.h>

/// Whether the socket at `index` of `ares_getsock` waits to be read. (As the macro ARES_GETSOCK_READABLE.)
static inline int apus_ares_is_readable(int bits, int index) { return (int)((unsigned)bits >> index & 1u); }

/// Whether the socket at `index` of `ares_getsock` waits to be written. (The macro ARES_GETSOCK_WRITABLE shifts into the sign.)
static inline int apus_ares_is_writable(int bits, int index) {
  return (int)((unsigned)bits >> (index + ARES_GETSOCK_MAXNUM) & 1u);
}

/// How many sockets `ares_getsock` tells at most.
enum { apus_ares_sockets_max = ARES_GETSOCK_MAXNUM };

/// A channel with these times: the first try may take `timeout_ms`, each later one longer. Without `lookups` of its own it
/// reads /etc/hosts first, then asks the servers of /etc/resolv.conf.
static inline int apus_ares_channel(ares_channel *channel, int timeout_ms, int tries) {
  struct ares_options options = {.timeout = timeout_ms, .tries = tries};
  return ares_init_options(channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
}

/// Milliseconds until c-ares has something to do, at most `max_seconds`. `struct timeval` belongs to whichever module met it
/// first, so Swift does not touch it.
static inline int apus_ares_wait_ms(ares_channel channel, int max_seconds) {
  struct timeval most = {.tv_sec = max_seconds}, wait;
  const struct timeval *next = ares_timeout(channel, &most, &wait);
  return !next ? max_seconds * 1000 : (int)next->tv_sec * 1000 + (int)(next->tv_usec / 1000);
}
