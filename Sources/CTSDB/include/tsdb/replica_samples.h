// Replicas of one series become one while a query reads them, as Thanos does it ("penalty"): stay with a replica until it misses
// more than a sample, then change to the other. More than two are folded from the left: the merge of the first two with the
// third, and so on.
//
// Which sample is taken, and what the other replica skips then, is as in replica_penalty.h. For counters each replica has an offset,
// which grows where a change of replicas would let the values fall: what the merge gives never falls unless a replica does itself.
#ifndef TSDB_REPLICA_SAMPLES_H
#define TSDB_REPLICA_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The samples of one replica, ascending by time. The caller sets the first four fields.
typedef struct tsdb_replica {
  const int64_t *timestamps_ms;  ///< [count]
  const double *values;          ///< [count]; not looked at where a sample is no float.
  const uint8_t *is_float;       ///< [count]; NULL: all are.
  size_t count;
  size_t position;               ///< How many were passed; the current sample is the one before.
  double offset;                 ///< What is added to its values.
} tsdb_replica;

/// Where the merge of all replicas before with one more stands.
typedef struct tsdb_replica_pair {
  int64_t last_ms;
  int64_t a_from_ms;  ///< Samples of side a before this are skipped …
  int64_t b_from_ms;  ///< … and of side b before this.
  bool has_last;
  bool uses_a;
  bool has_a;
  bool has_b;
} tsdb_replica_pair;

/// A merge under way.
typedef struct tsdb_replica_merge {
  tsdb_replica *replicas;    ///< [count]
  tsdb_replica_pair *pairs;  ///< [count]; pair 0 is not used.
  size_t count;              ///< At least 1, at most TSDB_REPLICAS_MAX.
  bool is_counter;
} tsdb_replica_merge;

/// The merge calls itself once a replica.
#define TSDB_REPLICAS_MAX 4096

/// Begins: sets the state of replicas and pairs.
void tsdb_replica_merge_init(tsdb_replica_merge *merge);

/// Takes the next samples, at most `capacity`.
///
/// Shapes:  out_replicas, out_rows, out_values[capacity]: of which replica each is, its number there, and its value.
/// Returns: how many; fewer than `capacity` only at the end.
/// Cost:    O(samples passed × replicas); no allocation.
size_t tsdb_replica_merge_run(tsdb_replica_merge *merge, uint32_t *out_replicas, uint32_t *out_rows, double *out_values,
                              size_t capacity);

// MARK: Downsampled counters

/// Where a counter that was put together from chunks stands. The caller begins with zeros.
typedef struct tsdb_counter_total {
  int64_t last_ms;
  double last_value;
  double total;
  bool has_last;
} tsdb_counter_total;

/// Lets the samples of one more chunk of a counter never fall: resets are added up, as aggregates of counters need it, whose
/// chunks end with the raw last value once more. NaN and samples that are not later than the ones before are left out.
///
/// Shapes:  timestamps_ms, values, start_timestamps_ms[count], changed in place.
/// Returns: how many are left.
size_t tsdb_counter_samples_add(tsdb_counter_total *total, int64_t *timestamps_ms, double *values,
                                int64_t *start_timestamps_ms, size_t count);

/// Divides sums by counts where both are of one time.
///
/// Shapes:  sums [count], changed in place; counts ascend like these.
/// Returns: how many are left, of which there is a count.
size_t tsdb_averages(int64_t *timestamps_ms, double *sums, size_t count, const int64_t *counts_ms, const double *counts,
                     size_t counts_count);

#endif
