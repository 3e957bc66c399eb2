// What appending to float chunks shares between the encodings: when a call stops, and what may lie behind a chunk's bits.
#ifndef TSDB_CHUNK_APPEND_H
#define TSDB_CHUNK_APPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk.h"

/// When an append call stops before it has taken all samples. chunk_cut.h fills it in as Prometheus' head would.
typedef struct tsdb_append_limits {
  size_t size_bytes_max;  ///< nothing is appended to a chunk longer than this; SIZE_MAX for no limit
  uint32_t samples_max;   ///< nothing is appended to a chunk of this many samples; UINT32_MAX for no limit
  bool has_time_end;      ///< false: time_end_ms says nothing
  int64_t time_end_ms;    ///< no sample at or after this is appended
} tsdb_append_limits;

/// Limits that never stop a call (the format's own of TSDB_CHUNK_SAMPLES_MAX remains).
static inline tsdb_append_limits tsdb_append_limits_none(void) {
  tsdb_append_limits limits = {SIZE_MAX, UINT32_MAX, false, 0};
  return limits;
}

/// The last position, in bits, at which a sample may still be started.
static inline uint64_t tsdb_append_position_limit(const tsdb_append_limits *limits) {
  return limits->size_bytes_max > UINT64_MAX / 16 ? UINT64_MAX : (uint64_t)limits->size_bytes_max * 8;
}

/// How many of `count` samples the counters let into a chunk that holds `held`.
static inline size_t tsdb_append_count_allowed(const tsdb_append_limits *limits, uint32_t held, size_t count) {
  uint32_t most = limits->samples_max < TSDB_CHUNK_SAMPLES_MAX ? limits->samples_max : TSDB_CHUNK_SAMPLES_MAX;
  size_t room = held < most ? most - held : 0;
  return count < room ? count : room;
}

/// Whether what stops a call after `allowed` of `count` samples is the format's own limit and not the caller's.
static inline bool tsdb_append_stops_full(const tsdb_append_limits *limits, uint32_t held, size_t count,
                                          size_t allowed) {
  return allowed < count && held + allowed >= TSDB_CHUNK_SAMPLES_MAX && limits->samples_max >= TSDB_CHUNK_SAMPLES_MAX;
}

/// Whether a sample at this time has to go into another chunk.
static inline bool tsdb_append_stops(const tsdb_append_limits *limits, int64_t timestamp_ms) {
  return limits->has_time_end && timestamp_ms >= limits->time_end_ms;
}

/// How many of the first `count` samples come before one that has to go into another chunk for its time.
static inline size_t tsdb_append_count_before_end(const tsdb_append_limits *limits, const int64_t *timestamps_ms,
                                                  size_t count) {
  size_t before_end = limits->has_time_end ? 0 : count;
  while (before_end < count && timestamps_ms[before_end] < limits->time_end_ms) before_end++;
  return before_end;
}

/// What is wrong behind the last sample of a chunk, which ends at `position_bits`: a text of static storage, or NULL. The free
/// bits of the last byte must be zero, and nothing may follow but one zero byte behind a chunk that ends on a boundary, which
/// Prometheus before 3.0 could leave.
static inline const char *tsdb_chunk_trailing_defect(const uint8_t *src, size_t src_size, uint64_t position_bits) {
  size_t size = (size_t)((position_bits + 7) >> 3);
  unsigned used = (unsigned)(position_bits & 7);
  if (used != 0 && (src[size - 1] & (0xFF >> used)) != 0) return "has bits set behind its last sample";
  if (src_size == size || (used == 0 && src_size == size + 1 && src[size] == 0)) return NULL;
  return "has bytes behind its last sample";
}

#endif
