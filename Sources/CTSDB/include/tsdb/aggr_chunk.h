// Chunks of downsampled blocks (encoding 0xFF, Thanos): up to five chunks in one, an aggregate each.
//
//   count    sum      min      max      counter          always five slots, in this order
//   L e bytes  L e bytes  00       00       L e bytes    L: uvarint, bytes without e; e: encoding; 00: no such aggregate
//
// The slots are views of the payload: nothing is copied. docs/formats/aggregate-chunks.md.
#ifndef TSDB_AGGR_CHUNK_H
#define TSDB_AGGR_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk.h"
#include "status.h"

enum {
  TSDB_AGGR_COUNT = 0,
  TSDB_AGGR_SUM = 1,
  TSDB_AGGR_MIN = 2,
  TSDB_AGGR_MAX = 3,
  TSDB_AGGR_COUNTER = 4,
  TSDB_AGGR_SLOTS = 5,
};

/// One aggregate: `size` bytes of a chunk of `encoding` at `offset` in the payload. size 0: absent.
typedef struct tsdb_aggr_slot {
  uint64_t offset;
  uint64_t size;
  uint8_t encoding;
} tsdb_aggr_slot;

/// Finds the five aggregates of a payload.
///
/// Shapes:  out_slots[TSDB_AGGR_SLOTS].
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED if a slot crosses src_size, TSDB_ERR_MALFORMED for a length beyond 64 bits. The
///          last slot may be missing altogether or be a lone 00: both are absent.
tsdb_status tsdb_aggr_parse(const uint8_t *src, size_t src_size, tsdb_aggr_slot *out_slots);

/// Bytes that writing aggregates of these sizes can take: `sizes[TSDB_AGGR_SLOTS]`, 0 for an absent one.
size_t tsdb_aggr_bound(const size_t *sizes);

/// Writes a payload of the given chunks. Absent ones have size 0.
///
/// Returns: TSDB_OK with the bytes written in *out_size; TSDB_ERR_CAPACITY.
tsdb_status tsdb_aggr_write(const uint8_t *const *chunks, const size_t *sizes, const uint8_t *encodings, uint8_t *dst,
                            size_t dst_capacity, size_t *out_size);

/// What can be wrong with an aggregate chunk.
typedef enum tsdb_aggr_defect_kind {
  TSDB_AGGR_SOUND = 0,
  TSDB_AGGR_DEFECT_SLOTS,            ///< the slots cannot be found (status says why)
  TSDB_AGGR_DEFECT_EMPTY,            ///< no aggregate at all
  TSDB_AGGR_DEFECT_ENCODING,         ///< an aggregate in an encoding that this slot does not have
  TSDB_AGGR_DEFECT_SHORT,            ///< an aggregate without room for a sample counter
  TSDB_AGGR_DEFECT_SAMPLE_COUNTS,    ///< count, sum, min and max do not have equally many samples
  TSDB_AGGR_DEFECT_TRAILING_BYTES,   ///< bytes after the last slot
  TSDB_AGGR_DEFECT_MISSING_SLOT,     ///< the last slot is not even a 00
} tsdb_aggr_defect_kind;

typedef struct tsdb_aggr_defect {
  tsdb_aggr_defect_kind kind;
  tsdb_status status;
  uint32_t slot;
  uint64_t offset;  ///< bytes
} tsdb_aggr_defect;

/// Finds the first defect of the slots themselves; the chunks in them have validations of their own.
void tsdb_aggr_validate(const uint8_t *src, size_t src_size, tsdb_aggr_defect *out_defect);

/// A short English text for a defect, for messages. Never NULL; static storage.
const char *tsdb_aggr_defect_text(tsdb_aggr_defect_kind kind);

#endif
