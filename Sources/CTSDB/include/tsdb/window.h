// Window kernels of PromQL: one series' float samples as columns in, one row of steps out, one call a series.
//
//   timestamps_ms  |.|..|.|..|...|.|   ascending, each at most once; values beside them
//   step i          ------(  range  ]  holds the samples with  end - range < t <= end,  end = first_ms + i * step_ms
//   row             r0 r1 r2 …         grid.count doubles; a step without a result holds TSDB_ABSENT_BITS
//
// Offsets and `@` are already in the grid (a step of 0 ms is a window that stands still). Stale markers must be taken out of
// the columns first where windows are meant (tsdb_stale_remove); the instant selectors want them left in. Samples that are
// histograms are not floats and never get here.
//
// Sums are compensated (Kahan–Neumaier) in the order of time, and all arithmetic is done in the order that PromQL's own
// definitions give, so that a result is the same to the last bit whatever the variant, the machine and the tiling.
// No call allocates, and no argument of data can make one trap: times may lie anywhere in int64.
#ifndef TSDB_WINDOW_H
#define TSDB_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "status.h"

/// The bits of a step without a result: those of the stale marker, a signalling NaN that no arithmetic produces.
#define TSDB_ABSENT_BITS TSDB_STALE_NAN_BITS

/// The value of a step without a result. Compare bits (tsdb_is_absent), never values.
static inline double tsdb_absent(void) { return tsdb_double_of_bits(TSDB_ABSENT_BITS); }

/// Whether a step has no result (or a sample is a stale marker: the bits are the same).
static inline bool tsdb_is_absent(double value) { return tsdb_bits_of_double(value) == TSDB_ABSENT_BITS; }

/// The float samples of one series, borrowed for a call. The arrays are parallel.
typedef struct tsdb_float_columns {
  const int64_t *timestamps_ms;        ///< milliseconds since the Unix epoch, strictly ascending
  const double *values;
  const int64_t *start_timestamps_ms;  ///< since when the counter counts, 0 where unknown; NULL: start times play no part
  size_t count;                        ///< at most UINT32_MAX
} tsdb_float_columns;

/// The steps of a query: step i is at first_ms + i * step_ms. step_ms must not be negative, the last step must fit int64.
typedef struct tsdb_step_grid {
  int64_t first_ms;
  int64_t step_ms;
  size_t count;
} tsdb_step_grid;

/// Samples [begin, end) of a window; begin == end is an empty one.
typedef struct tsdb_window {
  uint32_t begin;
  uint32_t end;
} tsdb_window;

/// The windows of a query's steps.
typedef struct tsdb_windows {
  tsdb_step_grid grid;        ///< where the windows end
  int64_t range_ms;           ///< how long they are; not negative
  const tsdb_window *bounds;  ///< grid.count bounds of tsdb_window_find for these timestamps, or NULL: found on the way
} tsdb_windows;

// ---- Columns -------------------------------------------------------------------------------------------------------

/// The index of the first stale marker in values[from, count), or `count`. Cost: O(count - from), about 0.2 ns a sample.
size_t tsdb_stale_find(const double *values, size_t from, size_t count);

/// Takes the stale markers out of columns in place and returns how many samples are left. start_timestamps_ms may be NULL.
/// Cost: as tsdb_stale_find where there are none; O(count).
size_t tsdb_stale_remove(int64_t *timestamps_ms, double *values, int64_t *start_timestamps_ms, size_t count);

/// Whether two columns of timestamps are equal. Cost: about 0.03 ns a timestamp.
bool tsdb_timestamps_equal(const int64_t *a, const int64_t *b, size_t count);

/// Finds the windows of all steps, for use with every series whose timestamps are equal to these.
///
/// Shapes:  out_bounds[grid.count].
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for a bad grid or range; TSDB_ERR_SIZE for too many samples.
/// Cost:    O(samples + steps).
tsdb_status tsdb_window_find(const int64_t *timestamps_ms, size_t count, const tsdb_step_grid *grid, int64_t range_ms,
                             tsdb_window *out_bounds);

// ---- Instant selectors ---------------------------------------------------------------------------------------------

/// The newest sample in (T - lookback, T] of each step; absent where there is none or where it is a stale marker, which must
/// be left in the columns.
///
/// Shapes:  row[grid.count]; out_sample_ms[grid.count] and out_start_ms[grid.count], each or NULL, tell the chosen sample's own
///          time and start time (0 where absent or unknown).
/// Returns: TSDB_OK, TSDB_ERR_ARGUMENT, TSDB_ERR_SIZE.
/// Cost:    O(samples + steps).
tsdb_status tsdb_select_instant(const tsdb_float_columns *columns, const tsdb_step_grid *grid, int64_t lookback_ms,
                                double *row, int64_t *out_sample_ms, int64_t *out_start_ms);

/// As tsdb_select_instant, with the value taken from the line between the neighbours of T that lie in
/// (T - lookback, T + lookback]: the sample at T where there is one, the sample before T where none follows, nothing where none
/// precedes. Stale markers must be taken out first.
tsdb_status tsdb_select_smoothed(const tsdb_float_columns *columns, const tsdb_step_grid *grid, int64_t lookback_ms,
                                 double *row);

// ---- Rates ---------------------------------------------------------------------------------------------------------

typedef enum tsdb_rate_kind {
  TSDB_RATE = 0,      ///< increase a second, counter
  TSDB_INCREASE = 1,  ///< increase, counter
  TSDB_DELTA = 2,     ///< difference, gauge
} tsdb_rate_kind;

/// What a kernel saw besides its results: an OR of these.
enum {
  /// In a window, a sample's start time lies before the sample before it and differs from that one's start time.
  TSDB_SEEN_START_OVERLAP = 1 << 0,
};

/// The indexes at which a counter starts anew: the value is below the one before, or the start time says so (where known).
///
/// Shapes:  out_resets[capacity]; capacity = columns->count always suffices.
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY.
/// Cost:    O(samples), about 0.3 ns each.
tsdb_status tsdb_counter_resets_find(const tsdb_float_columns *columns, uint32_t *out_resets, size_t capacity,
                                     size_t *out_count);

/// rate, increase and delta, extrapolated to the window's borders.
///
/// Shapes:  scratch[scratch_capacity], scratch_capacity >= columns->count; row[grid.count]; *out_seen is an OR of
///          TSDB_SEEN_…, out_seen may be NULL.
/// Returns: TSDB_OK, TSDB_ERR_ARGUMENT, TSDB_ERR_SIZE, TSDB_ERR_CAPACITY.
/// Cost:    O(samples + steps + resets in windows): about 4 ns a sample at two samples a step, 2 with bounds found before.
/// Source:  the definition of rate() that Prometheus documents; edge-cases in Tests/CTSDBTests/Window.
tsdb_status tsdb_window_rate(const tsdb_float_columns *columns, const tsdb_windows *windows, tsdb_rate_kind kind,
                             uint32_t *scratch, size_t scratch_capacity, double *row, uint32_t *out_seen);

/// irate (is_rate) and idelta: from the last two samples of the window.
tsdb_status tsdb_window_instant_rate(const tsdb_float_columns *columns, const tsdb_windows *windows, bool is_rate,
                                     double *row);

/// Over selectors that are `anchored` (the last sample at or before the window's start is its first value) or `smoothed` (values
/// at both borders are taken from the line between their neighbours): rate, increase, delta.
///
/// Units:   lookback_ms is how far outside the window samples are looked for: before it, and after it if smoothed.
/// Shapes:  windows->bounds is not used.
/// Returns: TSDB_OK, TSDB_ERR_ARGUMENT, TSDB_ERR_SIZE.
/// Cost:    O(samples + steps + samples in all windows).
tsdb_status tsdb_window_extended_rate(const tsdb_float_columns *columns, const tsdb_windows *windows, int64_t lookback_ms,
                                      bool is_smoothed, tsdb_rate_kind kind, double *row);

/// A range selector that is `anchored` or `smoothed` by itself: the window (end - range, end] of one step with a sample made up
/// at each border.
///
/// Shapes:  out_timestamps_ms[capacity], out_values[capacity]; capacity = columns->count + 2 always suffices.
/// Returns: TSDB_OK with *out_count samples (0: nothing in the window), TSDB_ERR_ARGUMENT, TSDB_ERR_SIZE, TSDB_ERR_CAPACITY.
tsdb_status tsdb_window_extend(const tsdb_float_columns *columns, int64_t end_ms, int64_t range_ms, int64_t lookback_ms,
                               bool is_smoothed, int64_t *out_timestamps_ms, double *out_values, size_t capacity,
                               size_t *out_count);

// ---- Counting ------------------------------------------------------------------------------------------------------

/// resets: how often the counter starts anew inside the window (start times count where known).
///
/// Shapes:  as tsdb_window_rate. If is_anchored, the newest sample in (start - lookback, start] counts as the window's first, and
///          windows->bounds is not used; lookback_ms is not used otherwise.
/// Cost:    O(samples + steps).
tsdb_status tsdb_window_resets(const tsdb_float_columns *columns, const tsdb_windows *windows, bool is_anchored,
                               int64_t lookback_ms, uint32_t *scratch, size_t scratch_capacity, double *row);

/// changes: how often the value differs from the one before (NaNs are equal to each other). Otherwise as tsdb_window_resets.
tsdb_status tsdb_window_changes(const tsdb_float_columns *columns, const tsdb_windows *windows, bool is_anchored,
                                int64_t lookback_ms, uint32_t *scratch, size_t scratch_capacity, double *row);

// ---- Over time -----------------------------------------------------------------------------------------------------

typedef enum tsdb_over_time {
  TSDB_SUM_OVER_TIME = 0,
  TSDB_AVG_OVER_TIME = 1,
  TSDB_COUNT_OVER_TIME = 2,
  TSDB_MIN_OVER_TIME = 3,
  TSDB_MAX_OVER_TIME = 4,
  TSDB_FIRST_OVER_TIME = 5,
  TSDB_LAST_OVER_TIME = 6,
  TSDB_PRESENT_OVER_TIME = 7,
  TSDB_STDDEV_OVER_TIME = 8,
  TSDB_STDVAR_OVER_TIME = 9,
  TSDB_MAD_OVER_TIME = 10,
  TSDB_TS_OF_FIRST_OVER_TIME = 11,  ///< seconds, as the others of this kind
  TSDB_TS_OF_LAST_OVER_TIME = 12,
  TSDB_TS_OF_MIN_OVER_TIME = 13,
  TSDB_TS_OF_MAX_OVER_TIME = 14,
  TSDB_DERIV = 15,                  ///< slope a second of the least-squares line, from two samples on
  TSDB_MODE_OVER_TIME = 16,         ///< the most frequent value, the least of several; NaNs do not count
} tsdb_over_time;

/// Doubles of scratch that tsdb_window_over_time and its kin need for a series of `count` samples.
static inline size_t tsdb_over_time_scratch_bound(size_t count) { return count; }

/// The functions of one range and nothing else.
///
/// Shapes:  scratch[scratch_capacity] as tsdb_over_time_scratch_bound says; row[grid.count].
/// Returns: TSDB_OK, TSDB_ERR_ARGUMENT (also for a function that does not exist), TSDB_ERR_SIZE, TSDB_ERR_CAPACITY.
/// Cost:    count, first, last, present, ts_of_first/last: O(samples + steps). min, max: the same, or a SIMD pass over each
///          window if it is short (0.3 ns a window sample). Sums and what builds on them: a pass over each window, four windows
///          side by side (about 1 ns a window sample). mad: a selection in each window.
tsdb_status tsdb_window_over_time(tsdb_over_time function, const tsdb_float_columns *columns, const tsdb_windows *windows,
                                  double *scratch, size_t scratch_capacity, double *row);

typedef enum tsdb_change {
  TSDB_CHANGE_INCREASE = 0,  ///< of a counter, which began anew at 0 where it fell
  TSDB_CHANGE_DELTA = 1,
  TSDB_CHANGE_RATE = 2,   ///< increase a second
  TSDB_CHANGE_DERIV = 3,  ///< delta a second
} tsdb_change;

typedef enum tsdb_change_statistic {
  TSDB_CHANGE_MIN = 0,
  TSDB_CHANGE_MAX = 1,
  TSDB_CHANGE_AVG = 2,
} tsdb_change_statistic;

/// rollup_increase and its like: a statistic of the changes from each sample of a window to the next one in it; absent below two
/// samples.
///
/// Shapes:  row[grid.count].
/// Returns: TSDB_OK, TSDB_ERR_ARGUMENT (also for what does not exist), TSDB_ERR_SIZE.
/// Cost:    a pass over each window.
tsdb_status tsdb_window_adjacent(const tsdb_float_columns *columns, const tsdb_windows *windows, tsdb_change change,
                                 tsdb_change_statistic statistic, double *row);

/// quantile_over_time: φ may differ from step to step.
///
/// Shapes:  phis[grid.count]; scratch and row as above.
/// Cost:    O(samples in all windows).
tsdb_status tsdb_window_quantile(const tsdb_float_columns *columns, const tsdb_windows *windows, const double *phis,
                                 double *scratch, size_t scratch_capacity, double *row);

/// predict_linear: the least-squares line's value `durations_s` after the evaluation time, which is the step's own time, before
/// any offset or `@`: step i of `evaluation`.
///
/// Shapes:  durations_s[grid.count]; evaluation->count == windows->grid.count.
/// Cost:    a pass over each window.
tsdb_status tsdb_window_predict_linear(const tsdb_float_columns *columns, const tsdb_windows *windows,
                                       const tsdb_step_grid *evaluation, const double *durations_s, double *row);

/// double_exponential_smoothing with factors that may differ from step to step.
///
/// Shapes:  smoothing_factors[grid.count], trend_factors[grid.count], both strictly between 0 and 1.
/// Returns: TSDB_ERR_ARGUMENT if a step with a window that is not empty has a bad factor: *out_bad_step says which (the first
///          one), and the smoothing factor is to be named first. *out_bad_step is grid.count for any other reason.
tsdb_status tsdb_window_smooth(const tsdb_float_columns *columns, const tsdb_windows *windows,
                               const double *smoothing_factors, const double *trend_factors, double *row,
                               size_t *out_bad_step);

// ---- Rows ----------------------------------------------------------------------------------------------------------

/// Fills a row with absent steps.
void tsdb_row_clear(double *row, size_t count);

/// How many steps of a row have a result.
size_t tsdb_row_present_count(const double *row, size_t count);

/// present[i] |= row i has a result; present[count] are bytes of 0 or 1. What absent() and absent_over_time() ask of all series.
void tsdb_row_mark_present(const double *row, size_t count, uint8_t *present);

/// row[i] = 1 where present[i] is 0, absent elsewhere: the answer of absent() and absent_over_time().
void tsdb_row_absent_of(const uint8_t *present, size_t count, double *row);

#endif
