// Two replicas of one series become one without holes and without resets that the target did not have ("seamless").
//
//   a:  10 20 30          60 70        taken:  10 20 30 (a)  40.1 50.1 60.1 (b)
//   b:  10.1 … 60.1 each 10
//
// A replica is followed until it misses a sample: its next one comes later than one and a half intervals. Then the other one is
// taken, from its first sample on that is more than half an interval after the last one taken; so a change adds or loses no more
// than one sample. An interval is what lay between the last two samples of the replica that is followed.
//
// Counters: where a change would let the value fall, although neither replica fell itself, the new replica lags. Its values are
// lifted so that the merged one goes on from the last value with the slope that the new replica has; the lift stays until
// that replica's counter starts anew. A fall that the new replica saw itself is a reset, and stays one.
//
// As sample_chain.h, this answers with runs; list 0 is a, list 1 is b. More than two replicas are folded.
#ifndef TSDB_REPLICA_SEAMLESS_H
#define TSDB_REPLICA_SEAMLESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sample_chain.h"

/// The samples of one replica, strictly ascending by time.
typedef struct tsdb_seamless_list {
  const int64_t *timestamps_ms;
  const double *values;  ///< NULL: only times count, as for histograms
  size_t count;          ///< at most 2³²−1
} tsdb_seamless_list;

/// Where a merge of two stands between two calls. Plain data.
typedef struct tsdb_seamless {
  size_t positions[2];  ///< the next sample of each
  double lifts[2];      ///< what is added to its values
  int current;          ///< the replica that is followed
  bool has_last;
  int64_t last_ms;      ///< the sample taken last
  double last;          ///< its value, lifted
  int64_t interval_ms;  ///< 0: not known
  bool is_counter;
  bool has_reset;
  int64_t reset_ms;     ///< the last sample with which the counter started anew
} tsdb_seamless;

/// A run and what is added to its values.
typedef struct tsdb_seamless_run {
  tsdb_sample_run run;
  double lift;
} tsdb_seamless_run;

/// Begins.
void tsdb_seamless_init(tsdb_seamless *state, bool is_counter);

/// Takes samples of the whole lists, at most `capacity` runs of them.
///
/// Returns: the number of runs. It is `capacity` where more may follow.
/// Cost:    O(samples that are taken or skipped); no allocation.
size_t tsdb_seamless_run_lists(tsdb_seamless *state, const tsdb_seamless_list *a, const tsdb_seamless_list *b,
                               tsdb_seamless_run *runs, size_t capacity);

#endif
