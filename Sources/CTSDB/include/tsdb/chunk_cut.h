// Where Prometheus' head ends one float chunk and starts the next: whoever cuts by the same rules writes the same bytes.
//
// A chunk lies in one range of time (2 h by default) and ends with it. When it holds a quarter of the samples it is meant for
// (30 of 120), the time that these took tells how many chunks of that kind the range still has room for, and the chunk's end
// is moved up so that those are equally long. It also ends at twice the samples, should the prediction have been wrong, and
// before an append if it has grown longer than 1005 bytes. docs/formats/chunks.md, "Where the head cuts".
#ifndef TSDB_CHUNK_CUT_H
#define TSDB_CHUNK_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunk_append.h"

/// A float chunk longer than this takes no more samples: 1024 bytes less the largest XOR sample of 19.
#define TSDB_FLOAT_CHUNK_SIZE_MAX 1005

/// Samples a chunk is meant to hold.
#define TSDB_FLOAT_CHUNK_SAMPLES_TARGET 120

/// The range that a chunk must not leave, milliseconds.
#define TSDB_CHUNK_RANGE_MS 7200000

/// What decides about the end of the current chunk. Plain data.
typedef struct tsdb_chunk_cut {
  int64_t start_ms;         ///< timestamp of the chunk's first sample
  int64_t end_ms;           ///< the chunk ends before this …
  bool has_end;             ///< … if there is such a time (not at the very end of int64)
  bool is_predicted;        ///< whether end_ms has been moved up already
  uint32_t samples_target;  ///< samples the chunk is meant to hold
} tsdb_chunk_cut;

/// The end of the range that a chunk starting at `timestamp_ms` lies in; false where int64 cannot hold it.
bool tsdb_chunk_range_end(int64_t timestamp_ms, int64_t range_ms, int64_t *out_end_ms);

/// Where a chunk should end so that the rest of [start_ms, end_ms) is filled by chunks as long as this one will be, which has
/// taken start_ms … newest_ms to become 1 / `ratio_to_full` full. Computed in doubles, as Prometheus does.
int64_t tsdb_chunk_predict_end(int64_t start_ms, int64_t newest_ms, int64_t end_ms, double ratio_to_full);

/// A new chunk whose first sample is at `first_ms`. range_ms and samples_target must be positive.
void tsdb_chunk_cut_start(tsdb_chunk_cut *cut, int64_t first_ms, int64_t range_ms, uint32_t samples_target);

/// What may be appended next to a float chunk of `samples` samples of which the newest is at `newest_ms` (ignored if there are
/// none). Ask again after every append: when a call stops at these limits and asking again allows nothing more, the chunk ends.
tsdb_append_limits tsdb_chunk_cut_float_limits(tsdb_chunk_cut *cut, uint32_t samples, int64_t newest_ms);

#endif
