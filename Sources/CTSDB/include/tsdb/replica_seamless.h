// Two replicas of one series become one without holes and without resets that the target did not have ("seamless").
//
//   a:  10 20 30          60 70        taken:  10 20 30 (a)  40.1 50.1 60.1 (b)
//   b:  10.1 … 60.1 each 10
//
// A replica is followed until it misses a sample: its next one comes later than one and a half intervals. Then the other one is
// taken, from its first sample on that is more than half an interval after the last one taken; so a change adds or loses no more
// than one sample. An interval is what lay between the last two samples of the replica that is followed.
//
// A stale marker is shown only where the other replica has no sample either: a scrape that failed for one of them is a miss.
//
// Counters: where a change would let the value fall, although neither replica fell itself, the new replica lags. Its values are
// lifted so that the merged one goes on from the last value with the slope that the new replica has; the lift stays until
// that replica's counter starts anew. A fall that the new replica saw itself is a reset, and stays one.
//
// Native histograms are many counters, which have to fit together and to their sum: none is lifted. Where a change would let
// a bucket or a count fall,
//
//   by layout alone   the new replica has a finer schema: its samples are read at the coarser one, until its counters start anew
//   by a lag          its samples wait until one no longer falls, for at most two and a half intervals after the last one taken
//   by a reset        as the new replica saw one itself that was not shown yet: it stays one
//
// A fall that lasts for longer than a lag may is taken as it is. Gauge histograms are taken by time, and so are changes between
// custom and exponential buckets, which nothing brings together. What is taken was shown by a replica at that time, and of what
// it says of resets nothing is passed on at a change.
//
// As sample_chain.h, this answers with runs; list 0 is a, list 1 is b. More than two replicas are folded.
#ifndef TSDB_REPLICA_SEAMLESS_H
#define TSDB_REPLICA_SEAMLESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram_math.h"
#include "sample_chain.h"

/// A schema that leaves each histogram's own.
#define TSDB_SEAMLESS_OWN_SCHEMA INT32_MAX

/// The samples of one replica, strictly ascending by time; the arrays are parallel.
typedef struct tsdb_seamless_list {
  const int64_t *timestamps_ms;
  const double *values;                ///< of floats; NULL: none are, or only times count
  size_t count;                        ///< at most 2³²−1
  const tsdb_histogram_view *views;    ///< histograms; the same for both lists
  const int32_t *histograms;           ///< which of `views` each sample is, −1: a float; NULL: no series with histograms
  const int32_t *schemas;              ///< the coarser schema that each is read at, or TSDB_SEAMLESS_OWN_SCHEMA
  const uint8_t *falls;                ///< what tsdb_seamless_falls says of each
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
  int32_t schemas[2];   ///< the coarser schema that a replica's histograms are read at
  int32_t histogram;    ///< the histogram taken last, −1: none …
  int32_t schema;       ///< … and the schema it was read at
} tsdb_seamless;

/// A run, what is added to its values, and the schema to which histograms with a finer one are to be reduced.
typedef struct tsdb_seamless_run {
  tsdb_sample_run run;
  double lift;
  int32_t schema;
} tsdb_seamless_run;

/// Begins. is_counter: floats are compared; histograms tell themselves whether they are gauges.
void tsdb_seamless_init(tsdb_seamless *state, bool is_counter);

/// Tells of each sample of a replica whether a histogram fell in it, that is, whether counters started anew since the histogram
/// before. What a histogram itself says of that is believed where the one before it in the list is also the one before it in
/// `views`.
///
/// Shapes:  falls[count], of which `list` has no say yet; the other arrays as in `list`.
/// Cost:    O(buckets) where chunks begin, O(1) elsewhere; no allocation.
void tsdb_seamless_falls(const tsdb_seamless_list *list, uint8_t *falls);

/// Takes samples of the whole lists, at most `capacity` runs of them.
///
/// Returns: the number of runs. It is `capacity` where more may follow.
/// Cost:    O(samples that are taken or skipped), and O(buckets) a change; no allocation.
size_t tsdb_seamless_run_lists(tsdb_seamless *state, const tsdb_seamless_list *a, const tsdb_seamless_list *b,
                               tsdb_seamless_run *runs, size_t capacity);

#endif
