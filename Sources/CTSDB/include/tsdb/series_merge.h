// Series of many sources, each sorted by labels, become one sorted sequence: what the StoreAPI answers with.
//
//   source 0:  a b d      window by window, as they are read
//   source 1:  a c d      ──▶  a (chunks of 0 and 1)  b  c  d (0 and 1)
//
// Series of equal labels become one, with the chunks of all: by time, each once. Labels are label blobs (series_response.h),
// chunks stay where they lie. A source gives a part of its series, a window; when it is used up, the merge stops so that
// the caller can bring the next one. The last series may not be complete then: it is *open*, and stays where it is.
#ifndef TSDB_SERIES_MERGE_H
#define TSDB_SERIES_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "series_response.h"
#include "status.h"

/// A window of a source: its series in the order of their labels, and their chunks.
typedef struct tsdb_merge_source {
  const tsdb_bytes_view *blobs;     ///< Labels of the series, by index.
  const uint32_t *order;            ///< [count]: indices of series, ascending by labels.
  size_t count;
  size_t position;                  ///< How many of them have been taken; the caller begins with 0.
  const uint32_t *chunk_offsets;    ///< By index of series, one more than there are; NULL: nobody wants chunks.
  const int64_t *min_times_ms;      ///< These five by index of chunk.
  const int64_t *max_times_ms;
  const uint8_t *const *data;
  const uint32_t *sizes;
  const uint8_t *encodings;
  bool is_last;                     ///< No window follows.
} tsdb_merge_source;

/// Why a run of the merge stopped.
typedef enum tsdb_merge_stop {
  TSDB_MERGE_END,     ///< All series of all sources are there.
  TSDB_MERGE_REFILL,  ///< The window of a source is used up.
  TSDB_MERGE_FULL,    ///< The arrays have no room for the next series or its chunks.
} tsdb_merge_stop;

/// What the merge knows of a source's next series: how far it goes together with another one (label_blob_codes.h).
typedef struct tsdb_merge_node {
  uint64_t code;    ///< The smaller, the earlier.
  uint32_t source;  ///< By index.
  uint32_t pair;    ///< The byte up to which the labels are known to be the same.
} tsdb_merge_node;

/// A merge. The caller owns all arrays, and may make series and chunks larger or move them between two runs.
typedef struct tsdb_merge {
  tsdb_merge_source *sources;  ///< [source_count]; those that have no window have a count of 0.
  size_t source_count;         ///< At most UINT32_MAX - 1.
  tsdb_merge_node *nodes;      ///< [source_count]: a tree of losers. The merge's; its content does not matter at first.
  bool is_built;               ///< Whether the tree stands; the caller begins with false.
  bool has_refill;             ///< Whether the source at the top waits for its next window; the caller begins with false.
  bool is_unordered;           ///< Whether a source had series out of order; the caller begins with false.
  tsdb_wire_series *series;    ///< [series_capacity]
  size_t series_capacity;
  size_t series_count;         ///< Filled, the open one included. The caller takes out the closed ones.
  tsdb_wire_chunk *chunks;     ///< [chunk_capacity]
  size_t chunk_capacity;
  size_t chunk_count;
  size_t open_entries;         ///< How many series of sources the open one consists of; 0: none is open.
  uint64_t duplicate_count;    ///< Chunks that were there more than once.
} tsdb_merge;

/// Takes source `index`, whose window was set, in.
void tsdb_merge_push(tsdb_merge *merge, size_t index);

/// Merges until it has to stop. On TSDB_MERGE_REFILL *out_source is the source; unless it is at its end by then, the caller
/// sets its next window and calls tsdb_merge_push before the next run. The open series is the last one, and refers to windows
/// that must stay until it is closed: the first run that closes any series closes it.
///
/// Where a source has series out of order, they come out as if always the first of the next ones of all sources was taken.
///
/// Cost: O(log(source_count)) a series, mostly comparisons of two numbers, and one or two of labels; no allocation.
tsdb_merge_stop tsdb_merge_run(tsdb_merge *merge, size_t *out_source);

#endif
