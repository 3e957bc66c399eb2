// XXH64: the header says what it is for. Numbers are little-endian whatever the machine; the core is built for such only.
#include "tsdb/xxhash64.h"

#include <string.h>

#include "short_bytes.h"
#include "tsdb/bytes.h"

#define PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME_3 UINT64_C(0x165667B19E3779F9)
#define PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_5 UINT64_C(0x27D4EB2F165667C5)

static inline uint64_t rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

static inline uint64_t lane_step(uint64_t lane, uint64_t input) {
  return rotate(lane + input * PRIME_2, 31) * PRIME_1;
}

static inline uint64_t lane_merge(uint64_t sum, uint64_t lane) {
  return (sum ^ lane_step(0, lane)) * PRIME_1 + PRIME_4;
}

static inline void lanes_init(uint64_t *lanes, uint64_t seed) {
  lanes[0] = seed + PRIME_1 + PRIME_2;
  lanes[1] = seed + PRIME_2;
  lanes[2] = seed;
  lanes[3] = seed - PRIME_1;
}

/// Takes all whole blocks of src; returns how many bytes they are.
static inline size_t lanes_take(uint64_t *lanes, const uint8_t *src, size_t src_size) {
  uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
  size_t position = 0;
  for (; src_size - position >= TSDB_XXHASH64_BLOCK_SIZE; position += TSDB_XXHASH64_BLOCK_SIZE) {
    a = lane_step(a, short_bytes_load64(src + position));
    b = lane_step(b, short_bytes_load64(src + position + 8));
    c = lane_step(c, short_bytes_load64(src + position + 16));
    d = lane_step(d, short_bytes_load64(src + position + 24));
  }
  lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d;
  return position;
}

/// The end of the algorithm: the lanes become one, the rest (below 32 bytes) goes in, everything is mixed.
static uint64_t finish(const uint64_t *lanes, uint64_t seed, uint64_t total_size, const uint8_t *rest, size_t rest_size) {
  uint64_t sum = seed + PRIME_5;
  if (total_size >= TSDB_XXHASH64_BLOCK_SIZE) {
    sum = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (int lane = 0; lane < 4; lane++) sum = lane_merge(sum, lanes[lane]);
  }
  sum += total_size;
  for (; rest_size >= 8; rest += 8, rest_size -= 8) {
    sum = rotate(sum ^ lane_step(0, short_bytes_load64(rest)), 27) * PRIME_1 + PRIME_4;
  }
  if (rest_size >= 4) {
    sum = rotate(sum ^ short_bytes_load32(rest) * PRIME_1, 23) * PRIME_2 + PRIME_3;
    rest += 4, rest_size -= 4;
  }
  for (; rest_size > 0; rest++, rest_size--) sum = rotate(sum ^ *rest * PRIME_5, 11) * PRIME_1;
  sum = (sum ^ sum >> 33) * PRIME_2;
  sum = (sum ^ sum >> 29) * PRIME_3;
  return sum ^ sum >> 32;
}

uint64_t tsdb_xxhash64_of(const uint8_t *src, size_t src_size, uint64_t seed) {
  uint64_t lanes[4];
  lanes_init(lanes, seed);
  size_t taken = lanes_take(lanes, src, src_size);
  return finish(lanes, seed, src_size, src_size == 0 ? src : src + taken, src_size - taken);
}

void tsdb_xxhash64_begin(tsdb_xxhash64 *hash, uint64_t seed) {
  *hash = (tsdb_xxhash64){.seed = seed};
  lanes_init(hash->lanes, seed);
}

void tsdb_xxhash64_feed(tsdb_xxhash64 *hash, const uint8_t *src, size_t src_size) {
  if (src_size == 0) return;
  size_t held = hash->total_size % TSDB_XXHASH64_BLOCK_SIZE;
  hash->total_size += src_size;
  if (held > 0) {
    size_t room = TSDB_XXHASH64_BLOCK_SIZE - held;
    size_t part = src_size < room ? src_size : room;
    memcpy(hash->rest + held, src, part);
    src += part, src_size -= part;
    if (part < room) return;
    lanes_take(hash->lanes, hash->rest, TSDB_XXHASH64_BLOCK_SIZE);
  }
  size_t taken = lanes_take(hash->lanes, src, src_size);
  if (taken < src_size) memcpy(hash->rest, src + taken, src_size - taken);
}

uint64_t tsdb_xxhash64_end(const tsdb_xxhash64 *hash) {
  return finish(hash->lanes, hash->seed, hash->total_size, hash->rest, hash->total_size % TSDB_XXHASH64_BLOCK_SIZE);
}
