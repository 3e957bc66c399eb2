// Two replicas of one series become one, as Thanos does it by default ("penalty"): stay with a replica until it misses more than
// a sample, then change to the other.
//
//   a:  10 20 30          60 70        taken:  10 20 30 (a)  50.1 60.1 (b)
//   b:  10.1 … 60.1 each 10            40.1 is skipped: b may be used from two intervals after a's last sample on
//
// Of both replicas' next samples the earlier one is taken (a's, if they are of one time). The other replica must then skip
// twice the time between the last two samples taken; 5 s, while there was only one. So no sample comes too soon after
// another one, and a small delay of one replica does not make the merge jump. Facts: algorithms as Thanos 0.43 has them.
//
// As sample_chain.h, this looks at timestamps only and answers with runs: list 0 is a, list 1 is b. More than two replicas are
// folded: the result with the third one, and so on.
#ifndef TSDB_REPLICA_PENALTY_H
#define TSDB_REPLICA_PENALTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sample_chain.h"

/// What the other replica skips after the very first sample, milliseconds.
#define TSDB_PENALTY_FIRST_MS 5000

/// Where a merge of two stands between two calls. Plain data.
typedef struct tsdb_penalty {
  size_t a_position;      ///< the next sample of a that may be taken
  size_t b_position;
  int64_t a_from_ms;      ///< samples of a before this are skipped
  int64_t b_from_ms;
  int64_t last_ms;        ///< the sample taken last …
  bool has_last;          ///< … if there is one
} tsdb_penalty;

/// Begins with the first samples.
void tsdb_penalty_init(tsdb_penalty *penalty);

/// Takes samples, at most `capacity` runs of them.
///
/// Shapes:  a and b ascend; only `timestamps_ms` and `count` are looked at, the positions are those of `penalty`.
///          a_is_whole tells that no sample of a follows those given; b_is_whole likewise. Where one runs out that is not
///          whole, the call returns: the caller gives more of it behind what it gave (or drops what was taken, and moves the
///          positions).
/// Returns: the number of runs. It is `capacity` where more may follow.
/// Cost:    O(samples that are taken or skipped); no allocation.
size_t tsdb_penalty_run(tsdb_penalty *penalty, const tsdb_sample_list *a, bool a_is_whole, const tsdb_sample_list *b,
                        bool b_is_whole, tsdb_sample_run *runs, size_t capacity);

/// Where a merge of a with a later list b stands before a's sample number `first`, if it has taken all before it: every sample
/// before `first` is earlier than b's first one. So what lies before needs not be looked at again when chunks are folded
/// one after the other.
///
/// Shapes:  a_ms[first] ascend; skip_ms is the largest value of tsdb_penalty_skip_end over those samples, kept by the caller.
void tsdb_penalty_resume(tsdb_penalty *penalty, const int64_t *a_ms, size_t first, int64_t skip_ms);

/// The time before which the other replica is skipped after a sample at `timestamp_ms` that followed one at previous_ms (or was
/// the first, if has_previous is false). It does not exceed the int64 range.
static inline int64_t tsdb_penalty_skip_end(int64_t timestamp_ms, int64_t previous_ms, bool has_previous) {
  uint64_t interval = (uint64_t)timestamp_ms - (uint64_t)previous_ms;
  uint64_t penalty = has_previous ? 2 * interval : TSDB_PENALTY_FIRST_MS;
  int64_t end;
  if ((has_previous && interval > INT64_MAX / 2) || __builtin_add_overflow(timestamp_ms, (int64_t)penalty, &end) || end == INT64_MAX) return INT64_MAX;
  return end + 1;
}

/// The time from which on the replica that a sample was taken of is used again: the least later one, if there is any.
static inline int64_t tsdb_penalty_after(int64_t timestamp_ms) {
  return timestamp_ms == INT64_MAX ? INT64_MAX : timestamp_ms + 1;
}

/// The samples of several replicas, or of several chunks of theirs, folded so far: their times and which rows they are.
typedef struct tsdb_penalty_column {
  int64_t *timestamps_ms;
  uint32_t *rows;
  int64_t *skips_ms;  ///< the largest tsdb_penalty_skip_end up to each sample
  size_t count;
} tsdb_penalty_column;

/// Folds one more list of samples, rows first_row, first_row + 1, … in, and so on until all are in. Lists are best given by
/// their first times.
///
/// Shapes:  the arrays of `column` have room for all samples of all lists, scratch_ms and scratch_rows for as many.
/// Cost:    O(samples of the list + those of the column that are not before it); no allocation.
void tsdb_penalty_fold(tsdb_penalty_column *column, const int64_t *timestamps_ms, size_t count, uint32_t first_row,
                       int64_t *scratch_ms, uint32_t *scratch_rows);

#endif
