// The newest sample at one time, of many series whose chunks are still encoded: what an instant query over hundreds of thousands of series
// needs of them. Only the chunk in which the sample lies is decoded, and only up to it.
#ifndef TSDB_CHUNKS_NEWEST_H
#define TSDB_CHUNKS_NEWEST_H

#include <stddef.h>
#include <stdint.h>

#include "series_response.h"

/// Finds the newest sample in (time_ms - lookback_ms, time_ms] of each series, as tsdb_select_instant (window.h) finds it in columns.
///
/// Series `i` has the chunks from chunk_starts[i] to chunk_starts[i + 1]. A series is *left* where that is not enough to know the sample:
/// its chunks overlap or are not in the order of time, the chunk is not a sound one of XOR, or its times are not what it says.
///
/// Shapes:  chunk_starts[series_count + 1]; values[series_count]: absent (window.h) where there is no sample, where it is a stale marker,
///          and where the series is left; out_left[series_count]: the indices of the series that are left, ascending.
///          *out_sample_count: how many samples were decoded.
/// Returns: how many series are left.
/// Cost:    O(samples up to time_ms of one chunk a series); no allocation.
size_t tsdb_chunks_newest(const tsdb_wire_chunk *chunks, const size_t *chunk_starts, size_t series_count, int64_t time_ms,
                          int64_t lookback_ms, double *values, size_t *out_left, uint64_t *out_sample_count);

#endif
