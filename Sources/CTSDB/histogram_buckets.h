// The buckets that spans name, walked in order, and what the bucket sets of a chunk and of a sample have in common.
#ifndef TSDB_HISTOGRAM_BUCKETS_H
#define TSDB_HISTOGRAM_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/histogram_chunk.h"

/// The 64 bits of bucket `index` of a sample's row: an integer, or the bits of a double.
static inline uint64_t row_load(const void *row, size_t index) {
  uint64_t bits;
  memcpy(&bits, (const uint8_t *)row + index * sizeof bits, sizeof bits);
  return bits;
}

/// Steps through the buckets that spans name, in ascending order.
typedef struct bucket_walk {
  const tsdb_histogram_span *spans;
  uint32_t span_count, span_index, inside;
  int64_t index;    ///< the bucket it stands on
  size_t ordinal;   ///< how many came before it
  bool has_bucket;
} bucket_walk;

static inline void bucket_walk_skip_empty(bucket_walk *walk) {
  while (walk->span_index < walk->span_count && walk->inside == walk->spans[walk->span_index].length) {
    walk->span_index++;
    walk->inside = 0;
    if (walk->span_index < walk->span_count) walk->index += walk->spans[walk->span_index].offset;
  }
  walk->has_bucket = walk->span_index < walk->span_count;
}

static inline bucket_walk bucket_walk_make(const tsdb_histogram_span *spans, uint32_t span_count) {
  bucket_walk walk = {.spans = spans, .span_count = span_count};
  if (span_count != 0) walk.index = spans[0].offset;
  bucket_walk_skip_empty(&walk);
  return walk;
}

static inline void bucket_walk_next(bucket_walk *walk) {
  walk->index++;
  walk->inside++;
  walk->ordinal++;
  bucket_walk_skip_empty(walk);
}

/// What one side of a chunk and of a sample have in common.
typedef struct side_comparison {
  size_t added;    ///< buckets of the sample that the chunk lacks
  size_t missing;  ///< buckets of the chunk that the sample lacks
  bool is_reset;   ///< a bucket went down, or one that had counts is missing
} side_comparison;

static inline bool bucket_decreased(uint64_t chunk_bits, uint64_t sample_bits, bool is_float) {
  if (is_float) return tsdb_double_of_bits(chunk_bits) > tsdb_double_of_bits(sample_bits);
  return (int64_t)chunk_bits > (int64_t)sample_bits;
}

static inline bool bucket_is_empty(uint64_t bits, bool is_float) {
  return is_float ? tsdb_double_of_bits(bits) == 0 : bits == 0;
}

/// Compares; where the maps are not NULL, also writes for each bucket of chunk and sample its place in the union of both.
static inline side_comparison side_compare(bucket_walk ours, const uint64_t *our_values, bucket_walk theirs,
                                    const void *their_row, size_t their_first, bool is_float, uint32_t *our_map,
                                    uint32_t *their_map, size_t map_first) {
  side_comparison result = {0, 0, false};
  size_t place = map_first;
  while (ours.has_bucket || theirs.has_bucket) {
    bool take_ours = ours.has_bucket && (!theirs.has_bucket || ours.index <= theirs.index);
    bool take_theirs = theirs.has_bucket && (!ours.has_bucket || theirs.index <= ours.index);
    if (take_ours && take_theirs) {
      result.is_reset |= bucket_decreased(our_values[ours.ordinal], row_load(their_row, their_first + theirs.ordinal), is_float);
    } else if (take_ours) {
      result.missing++;
      result.is_reset |= !bucket_is_empty(our_values[ours.ordinal], is_float);
    } else {
      result.added++;
    }
    if (our_map != NULL) {
      if (take_ours) our_map[ours.ordinal] = (uint32_t)place;
      if (take_theirs) their_map[theirs.ordinal] = (uint32_t)place;
    }
    place++;
    if (take_ours) bucket_walk_next(&ours);
    if (take_theirs) bucket_walk_next(&theirs);
  }
  return result;
}

#endif
