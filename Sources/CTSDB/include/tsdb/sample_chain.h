// Runs of samples that are taken from several lists, and the simplest way to choose them: all, by time, each time once.
//
//   list 0:  10 20 30 40          runs:  0: 10 20   1: 25   0: 30 40        (1: 30 is dropped)
//   list 1:  20 25 30
//
// A merge looks at timestamps only and answers with runs, so that it serves floats, histograms and aggregates alike: who
// has columns copies the runs out of them.
#ifndef TSDB_SAMPLE_CHAIN_H
#define TSDB_SAMPLE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// `count` neighbouring samples of a list, from number `first` on.
typedef struct tsdb_sample_run {
  uint32_t list;
  uint32_t first;
  uint32_t count;
} tsdb_sample_run;

/// The samples of one list: its timestamps, not descending, milliseconds.
typedef struct tsdb_sample_list {
  const int64_t *timestamps_ms;
  size_t count;     ///< at most 2³²−1
  size_t position;  ///< the sample whose turn it is; the caller begins with 0
} tsdb_sample_list;

/// A chain under way. The caller owns the arrays, and sets the first three fields.
typedef struct tsdb_sample_chain {
  tsdb_sample_list *lists;
  size_t list_count;
  uint32_t *heap;       ///< [list_count]
  size_t heap_count;
  uint32_t current;     ///< the list that samples are taken from
  bool has_current;
  bool has_last;
  int64_t last_ms;      ///< the sample taken last
} tsdb_sample_chain;

/// Begins.
void tsdb_sample_chain_init(tsdb_sample_chain *chain);

/// The next runs, at most `capacity`; *out_count is 0 at the end. Of samples of one time, the one stays that Prometheus'
/// merge keeps of lists in this order.
///
/// Cost: O(1) a sample of a run, O(log(list_count)) a run; no allocation.
void tsdb_sample_chain_run(tsdb_sample_chain *chain, tsdb_sample_run *runs, size_t capacity, size_t *out_count);

#endif
