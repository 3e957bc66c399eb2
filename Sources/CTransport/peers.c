// Addresses and what they owe: a table of sets, looked through from end to end, under one lock.
#define _GNU_SOURCE
#include "include/transport/peers.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SET_SIZE = 8, SETS = TRANSPORT_PEERS_MAX / SET_SIZE, DEBT_BURSTS = 4 };

typedef struct peer {
  uint64_t key;  // 0: free
  int64_t tokens;
  uint64_t filled_ms;
} peer;

struct transport_peers {
  pthread_mutex_t lock;
  uint64_t seed;
  peer sets[SETS][SET_SIZE];
};

transport_peers *transport_peers_new(void) {
  transport_peers *const peers = calloc(1, sizeof *peers);
  if (peers == NULL) return NULL;
  pthread_mutex_init(&peers->lock, NULL);
  // Nobody should be able to choose whom he shares a set with.
  if (getrandom(&peers->seed, sizeof peers->seed, GRND_NONBLOCK) < 0) peers->seed = (uintptr_t)peers;
  return peers;
}

void transport_peers_free(transport_peers *peers) {
  if (peers == NULL) return;
  pthread_mutex_destroy(&peers->lock);
  free(peers);
}

uint64_t transport_peers_key(const char *address) {
  struct in_addr v4;
  if (inet_pton(AF_INET, address, &v4) == 1) return UINT64_C(0xFFFF) << 32 | ntohl(v4.s_addr);
  struct in6_addr v6;
  if (inet_pton(AF_INET6, address, &v6) != 1) return 0;
  uint64_t key = 0;
  for (size_t i = 0; i < sizeof key; i++) key = key << 8 | v6.s6_addr[i];
  return key == 0 ? 1 : key;
}

static peer *set_of(transport_peers *peers, uint64_t key) {
  uint64_t hash = (key ^ peers->seed) * UINT64_C(0x9E3779B97F4A7C15);
  hash = (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
  return peers->sets[(hash >> 32) % SETS];
}

// Gives what came back with time.
static void refill(peer *one, uint32_t burst, uint32_t rate, uint64_t now_ms) {
  // The clocks of two loops differ by what one of them is late.
  uint64_t const passed = now_ms > one->filled_ms ? now_ms - one->filled_ms : 0;
  uint64_t const gained = (passed > 3600000 ? 3600000 : passed) * rate / 1000;
  if (gained == 0) return;
  one->filled_ms = now_ms;
  one->tokens += (int64_t)gained;
  if (one->tokens > (int64_t)burst) one->tokens = burst;
}

bool transport_peers_charge(transport_peers *peers, uint64_t key, uint32_t count, uint32_t burst, uint32_t rate,
                            uint64_t now_ms) {
  if (key == 0 || burst == 0) return true;
  pthread_mutex_lock(&peers->lock);
  peer *const set = set_of(peers, key);
  peer *found = NULL;
  // Who has no place yet takes that of the one with most left.
  peer *most = &set[0];
  for (size_t i = 0; i < SET_SIZE && found == NULL; i++) {
    peer *const one = &set[i];
    if (one->key == key) found = one;
    if (one->key != 0) refill(one, burst, rate, now_ms);
    if (most->key != 0 && (one->key == 0 || one->tokens > most->tokens)) most = one;
  }
  if (found == NULL) {
    found = most;
    *found = (peer){key, burst, now_ms};
  }
  found->tokens -= count;
  int64_t const least = -(int64_t)burst * DEBT_BURSTS;
  if (found->tokens < least) found->tokens = least;
  bool const owes_nothing = found->tokens >= 0;
  pthread_mutex_unlock(&peers->lock);
  return owes_nothing;
}

bool transport_peers_owes(transport_peers *peers, uint64_t key, uint32_t burst, uint32_t rate, uint64_t now_ms) {
  if (key == 0 || burst == 0) return false;
  bool owes = false;
  pthread_mutex_lock(&peers->lock);
  peer *const set = set_of(peers, key);
  for (size_t i = 0; i < SET_SIZE; i++) {
    if (set[i].key != key) continue;
    refill(&set[i], burst, rate, now_ms);
    owes = set[i].tokens < 0;
    break;
  }
  pthread_mutex_unlock(&peers->lock);
  return owes;
}
