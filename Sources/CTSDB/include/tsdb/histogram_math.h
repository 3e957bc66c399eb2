// Arithmetic of native histograms with float counts: what PromQL does with them.
//
// A view borrows spans and bucket counts wherever they are (a decoded chunk's columns, another result). Every operation reads
// views and writes into a result of the caller's memory, from which a view is taken for the next one: two or three results,
// used in turn, are all that a sum over any number of histograms needs. A result never shares memory with an operand, except
// where "in place" is said.
//
//   side        spans tell which buckets those are; `buckets` are their counts, ascending by index
//   schema      -4…8: bucket i covers (2^((i-1)·2^-s), 2^(i·2^-s)], mirrored for negative ones; -53: bounds in custom_values
//   rests       compensations of a Kahan–Neumaier sum, beside the buckets and the three totals
//
// Where operands differ, the coarser schema, the wider zero bucket and the common custom bounds win.
// Hostile views (spans and buckets that do not match, indexes that overflow) give an error or odd numbers, never a trap.
#ifndef TSDB_HISTOGRAM_MATH_H
#define TSDB_HISTOGRAM_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram_chunk.h"
#include "status.h"
#include "window.h"

/// A histogram, borrowed. Pointers may be NULL where their count is 0.
typedef struct tsdb_histogram_view {
  int32_t schema;
  uint8_t reset_hint;  ///< TSDB_HISTOGRAM_RESET_UNKNOWN, …
  double zero_threshold;
  double zero_count;
  double count;
  double sum;
  const tsdb_histogram_span *positive_spans;
  const tsdb_histogram_span *negative_spans;
  const double *positive_buckets;
  const double *negative_buckets;
  const double *custom_values;
  uint32_t positive_span_count;
  uint32_t negative_span_count;
  uint32_t positive_bucket_count;
  uint32_t negative_bucket_count;
  uint32_t custom_value_count;
} tsdb_histogram_view;

/// A result in the caller's memory: the caller sets the last five fields, operations the others.
typedef struct tsdb_histogram_result {
  tsdb_histogram_view value;    ///< points into `spans` and `doubles`
  bool has_rests;               ///< whether the compensations below mean anything
  double rest_zero_count;
  double rest_count;
  double rest_sum;
  tsdb_histogram_span *spans;
  size_t span_capacity;
  double *doubles;              ///< positive buckets, negative buckets, custom values
  double *rests;                ///< compensations beside `doubles`, of the same capacity
  size_t double_capacity;
} tsdb_histogram_result;

/// Spans and doubles that the result of an operation on a and b (or on one of them: b NULL) may need.
size_t tsdb_histogram_spans_bound(const tsdb_histogram_view *a, const tsdb_histogram_view *b);

/// See tsdb_histogram_spans_bound.
size_t tsdb_histogram_doubles_bound(const tsdb_histogram_view *a, const tsdb_histogram_view *b);

/// What an operation has to tell: an OR of these.
enum {
  TSDB_HISTOGRAM_SEEN_RESET_COLLISION = 1 << 0,      ///< one operand is known to follow a reset, the other not to
  TSDB_HISTOGRAM_SEEN_BOUNDS_RECONCILED = 1 << 1,    ///< custom bounds differed (in an addition, where that matters)
  TSDB_HISTOGRAM_SEEN_BOUNDS_RECONCILED_SUB = 1 << 2,  ///< the same in a subtraction
  TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS = 1 << 3,        ///< exponential and custom buckets: no result
  TSDB_HISTOGRAM_SEEN_NOT_COUNTER = 1 << 4,          ///< a gauge histogram where a counter is meant
  TSDB_HISTOGRAM_SEEN_NOT_GAUGE = 1 << 5,            ///< a counter histogram where a gauge is meant
  TSDB_HISTOGRAM_SEEN_START_OVERLAP = 1 << 6,        ///< see TSDB_SEEN_START_OVERLAP
  TSDB_HISTOGRAM_SEEN_NAN_RESULT = 1 << 7,           ///< a quantile lies among observations of NaN
  TSDB_HISTOGRAM_SEEN_NAN_SKEW = 1 << 8,             ///< observations of NaN count as largest
};

/// Whether its bucket bounds are listed rather than exponential.
static inline bool tsdb_histogram_is_custom(const tsdb_histogram_view *histogram) {
  return histogram->schema == TSDB_HISTOGRAM_SCHEMA_CUSTOM;
}

/// Whether it is a stale marker.
static inline bool tsdb_histogram_is_stale(const tsdb_histogram_view *histogram) {
  return tsdb_is_absent(histogram->sum);
}

// ---- Copies and sums -----------------------------------------------------------------------------------------------

/// Copies a histogram.
///
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY; TSDB_ERR_MALFORMED if an index leaves 32 bits.
/// Cost:    O(buckets + spans), as of all operations here unless said otherwise.
tsdb_status tsdb_histogram_copy(const tsdb_histogram_view *source, tsdb_histogram_result *out);

/// Copies a histogram at a coarser schema (the reset hint becomes "unknown" if it is another one).
///
/// Returns: also TSDB_ERR_ARGUMENT for a finer schema, and for custom buckets unless the schema is the same.
tsdb_status tsdb_histogram_copy_to_schema(const tsdb_histogram_view *source, int32_t schema, tsdb_histogram_result *out);

/// a + b, or a - b. The result's hint is what both agree on: gauge if one is a gauge, else unknown if they differ.
///
/// Returns: also TSDB_ERR_ARGUMENT with TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS in *seen for exponential and custom buckets together.
///          *seen (never NULL) is added to.
tsdb_status tsdb_histogram_add(const tsdb_histogram_view *a, const tsdb_histogram_view *b, bool subtracts,
                               tsdb_histogram_result *out, uint32_t *seen);

/// The compensated sum of a result (with its rests, if it has any) and b.
///
/// Shapes:  `sum` and `out` are different results; take them in turn.
tsdb_status tsdb_histogram_kahan_add(const tsdb_histogram_result *sum, const tsdb_histogram_view *b,
                                     tsdb_histogram_result *out, uint32_t *seen);

/// Adds the rests of a compensated sum into its values and forgets them. In place.
void tsdb_histogram_fold_rests(tsdb_histogram_result *sum);

/// Whether a count, a bucket, the sum or a custom bound is infinite.
bool tsdb_histogram_has_overflow(const tsdb_histogram_view *histogram);

/// Multiplies all counts and the sum, and the rests if there are any. A negative factor makes a gauge. In place.
void tsdb_histogram_multiply(tsdb_histogram_result *histogram, double factor);

/// Divides all counts and the sum, and the rests if there are any; by 0, the buckets vanish. A negative one makes a gauge. In
/// place.
void tsdb_histogram_divide(tsdb_histogram_result *histogram, double divisor);

/// Takes empty buckets out, except runs of up to max_empty between others, and fills gaps of up to max_empty with empty ones.
///
/// Shapes:  tsdb_histogram_doubles_bound(source, NULL) + max_empty × spans doubles suffice.
tsdb_status tsdb_histogram_compact(const tsdb_histogram_view *source, uint32_t max_empty, tsdb_histogram_result *out);

// ---- Comparisons ---------------------------------------------------------------------------------------------------

/// Whether the counters started anew between `previous` and `current`.
bool tsdb_histogram_detect_reset(const tsdb_histogram_view *current, const tsdb_histogram_view *previous);

/// The same by the numbers alone, whatever the hint says, with buckets read at coarser schemas than their own (or at their own:
/// schema ≤ current->schema, previous_schema ≤ previous->schema).
bool tsdb_histogram_falls(const tsdb_histogram_view *current, int32_t schema, const tsdb_histogram_view *previous,
                          int32_t previous_schema);

/// Whether both are the same but for the reset hint: counts and sum bit for bit.
bool tsdb_histogram_equals(const tsdb_histogram_view *a, const tsdb_histogram_view *b);

/// Whether a histogram makes sense: spans match buckets and do not go back, no count is negative, bounds ascend and are finite
/// and enough, nothing is there that the schema does not have.
///
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for an unknown schema; TSDB_ERR_MALFORMED.
tsdb_status tsdb_histogram_validate_view(const tsdb_histogram_view *histogram);

// ---- Buckets -------------------------------------------------------------------------------------------------------

typedef struct tsdb_histogram_bucket {
  double lower;
  double upper;
  double count;
  bool is_lower_inclusive;
  bool is_upper_inclusive;
} tsdb_histogram_bucket;

/// A walk over all buckets, from the most negative one up or from the most positive one down. Positions only.
typedef struct tsdb_histogram_walk {
  uint8_t state;
  bool is_descending;
  uint32_t span;
  uint32_t in_span;
  uint32_t bucket;
  int64_t index;
} tsdb_histogram_walk;

/// A walk before its first bucket.
void tsdb_histogram_walk_start(const tsdb_histogram_view *histogram, bool is_descending, tsdb_histogram_walk *walk);

/// Moves on; false at the end. Empty buckets are told too, but not an empty zero bucket. Bounds that lie inside the zero bucket
/// end at it.
bool tsdb_histogram_walk_next(const tsdb_histogram_view *histogram, tsdb_histogram_walk *walk,
                              tsdb_histogram_bucket *out_bucket);

/// The upper bound of bucket `index`.
double tsdb_histogram_bound(int64_t index, int32_t schema, const double *custom_values, uint32_t custom_value_count);

/// The φ-quantile. *seen is added to.
double tsdb_histogram_quantile(const tsdb_histogram_view *histogram, double phi, uint32_t *seen);

/// The share of observations between two values. *seen is added to.
double tsdb_histogram_fraction(const tsdb_histogram_view *histogram, double lower, double upper, uint32_t *seen);

/// The mean of the observations.
double tsdb_histogram_average(const tsdb_histogram_view *histogram);

/// The variance of the observations, estimated from the buckets' middles; its square root is the standard deviation.
double tsdb_histogram_variance(const tsdb_histogram_view *histogram);

/// Keeps only what is below (is_upper) or above a value: `</` and `>/`.
tsdb_status tsdb_histogram_trim(const tsdb_histogram_view *source, double bound, bool is_upper,
                                tsdb_histogram_result *out);

// ---- Classic histograms --------------------------------------------------------------------------------------------

/// One bucket of a classic histogram: how many observations are at most upper_bound.
typedef struct tsdb_classic_bucket {
  double upper_bound;
  double count;
} tsdb_classic_bucket;

/// What had to be done to buckets that do not ascend. The last three are 0 unless is_forced.
typedef struct tsdb_classic_repair {
  bool is_forced;
  double bound_min;
  double bound_max;
  double difference_max;
} tsdb_classic_repair;

/// The φ-quantile of a classic histogram. buckets[count] are sorted and repaired in place; count must not be 0.
double tsdb_classic_quantile(tsdb_classic_bucket *buckets, size_t count, double phi, tsdb_classic_repair *out_repair);

/// The share of observations between two values. As above.
double tsdb_classic_fraction(tsdb_classic_bucket *buckets, size_t count, double lower, double upper);

// ---- Windows -------------------------------------------------------------------------------------------------------

/// What the samples of one chunk have in common.
typedef struct tsdb_histogram_shape {
  int32_t schema;
  double zero_threshold;
  const tsdb_histogram_span *positive_spans;
  const tsdb_histogram_span *negative_spans;
  const double *custom_values;
  uint32_t positive_span_count;
  uint32_t negative_span_count;
  uint32_t positive_bucket_count;
  uint32_t negative_bucket_count;
  uint32_t custom_value_count;
} tsdb_histogram_shape;

/// The histogram samples of one series as columns, borrowed; stale markers are not among them. The arrays are parallel.
typedef struct tsdb_histogram_samples {
  const int64_t *timestamps_ms;
  const int64_t *start_timestamps_ms;  ///< or NULL: start times play no part
  const uint32_t *shape_indexes;       ///< which of `shapes`
  const uint64_t *bucket_offsets;      ///< where the sample's positive buckets are in `buckets`; the negative ones follow
  const uint8_t *reset_hints;
  const double *zero_counts;
  const double *counts;
  const double *sums;
  size_t count;
  const tsdb_histogram_shape *shapes;
  size_t shape_count;
  const double *buckets;
  size_t bucket_count;
} tsdb_histogram_samples;

/// A sample's view.
///
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE if it points outside.
tsdb_status tsdb_histogram_sample_view(const tsdb_histogram_samples *samples, size_t index, tsdb_histogram_view *out_view);

/// Spans and doubles that each result needs for windows over these columns.
///
/// Returns: TSDB_OK; TSDB_ERR_REFERENCE.
tsdb_status tsdb_histogram_samples_bound(const tsdb_histogram_samples *samples, size_t *out_spans, size_t *out_doubles);

/// rate, increase or delta of one window, extrapolated and compacted; a gauge.
///
/// Shapes:  results[3] with the capacities of tsdb_histogram_samples_bound; window lies in the columns.
/// Returns: TSDB_OK; *out_result is the index of the result that has it, or -1 if there is none. *seen is added to.
tsdb_status tsdb_histogram_window_rate(const tsdb_histogram_samples *samples, tsdb_window window, int64_t end_ms,
                                       int64_t range_ms, tsdb_rate_kind kind, tsdb_histogram_result *results,
                                       int *out_result, uint32_t *seen);

/// irate (is_rate) or idelta of one window.
tsdb_status tsdb_histogram_window_instant_rate(const tsdb_histogram_samples *samples, tsdb_window window, bool is_rate,
                                               tsdb_histogram_result *results, int *out_result, uint32_t *seen);

/// sum_over_time, or avg_over_time, of one window. The result is not compacted.
tsdb_status tsdb_histogram_window_sum(const tsdb_histogram_samples *samples, tsdb_window window, bool is_average,
                                      tsdb_histogram_result *results, int *out_result, uint32_t *seen);

/// How often the counters started anew inside the window.
tsdb_status tsdb_histogram_window_resets(const tsdb_histogram_samples *samples, tsdb_window window, uint32_t *out_count);

#endif
