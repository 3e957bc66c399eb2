// Functions of one window over the histogram samples of a series.
//
// Samples are views into columns; what is built up goes back and forth between the caller's results, so that a window over any
// number of samples allocates nothing.
#include <math.h>

#include "histogram_side.h"
#include "tsdb/histogram_math.h"

tsdb_status tsdb_histogram_sample_view(const tsdb_histogram_samples *samples, size_t index,
                                       tsdb_histogram_view *out_view) {
  if (index >= samples->count || samples->shape_indexes[index] >= samples->shape_count) return TSDB_ERR_REFERENCE;
  const tsdb_histogram_shape *shape = &samples->shapes[samples->shape_indexes[index]];
  uint64_t offset = samples->bucket_offsets[index];
  uint64_t needed = (uint64_t)shape->positive_bucket_count + shape->negative_bucket_count;
  if (offset > samples->bucket_count || samples->bucket_count - offset < needed) return TSDB_ERR_REFERENCE;
  const double *buckets = needed == 0 ? NULL : samples->buckets + offset;
  *out_view = (tsdb_histogram_view){
      .schema = shape->schema,
      .reset_hint = samples->reset_hints[index],
      .zero_threshold = shape->zero_threshold,
      .zero_count = samples->zero_counts[index],
      .count = samples->counts[index],
      .sum = samples->sums[index],
      .positive_spans = shape->positive_spans,
      .negative_spans = shape->negative_spans,
      .positive_buckets = buckets,
      .negative_buckets = shape->negative_bucket_count == 0 ? NULL : buckets + shape->positive_bucket_count,
      .custom_values = shape->custom_values,
      .positive_span_count = shape->positive_span_count,
      .negative_span_count = shape->negative_span_count,
      .positive_bucket_count = shape->positive_bucket_count,
      .negative_bucket_count = shape->negative_bucket_count,
      .custom_value_count = shape->custom_value_count,
  };
  return TSDB_OK;
}

tsdb_status tsdb_histogram_samples_bound(const tsdb_histogram_samples *samples, size_t *out_spans, size_t *out_doubles) {
  // The indexes of all shapes together are the most that a sum can have.
  size_t buckets = 0, bounds = 0;
  for (size_t i = 0; i < samples->shape_count; i++) {
    const tsdb_histogram_shape *shape = &samples->shapes[i];
    buckets += (size_t)shape->positive_bucket_count + shape->negative_bucket_count;
    if (shape->custom_value_count > bounds) bounds = shape->custom_value_count;
  }
  *out_spans = buckets;
  *out_doubles = buckets + 2 * bounds + 2;
  return TSDB_OK;
}

static bool start_is_reset(const tsdb_histogram_samples *samples, size_t index) {
  const int64_t *starts = samples->start_timestamps_ms, *times = samples->timestamps_ms;
  return starts != NULL && start_time_is_reset(starts[index - 1], times[index - 1], starts[index], times[index]);
}

static bool start_overlaps(const tsdb_histogram_samples *samples, size_t index) {
  const int64_t *starts = samples->start_timestamps_ms;
  return starts != NULL && starts[index] != 0 && starts[index] < samples->timestamps_ms[index - 1] &&
         starts[index] != starts[index - 1];
}

/// The increase over a window of two samples or more, compacted, in results[*out_result]; -1 if they do not go together.
static tsdb_status window_increase(const tsdb_histogram_samples *samples, tsdb_window window, bool is_counter,
                                   tsdb_histogram_result *results, int *out_result, uint32_t *seen) {
  *out_result = -1;
  tsdb_histogram_view first, last, current, previous;
  tsdb_status status = tsdb_histogram_sample_view(samples, window.begin, &first);
  if (status == TSDB_OK) status = tsdb_histogram_sample_view(samples, window.end - 1, &last);
  if (status != TSDB_OK) return status;
  // What is told before the window turns out not to go together is not told then.
  uint32_t told = 0;
  if (is_counter && (first.reset_hint == TSDB_HISTOGRAM_GAUGE || last.reset_hint == TSDB_HISTOGRAM_GAUGE)) {
    told |= TSDB_HISTOGRAM_SEEN_NOT_COUNTER;
  }
  bool is_custom = tsdb_histogram_is_custom(&first);
  if (is_counter) {
    status = tsdb_histogram_sample_view(samples, window.begin + 1, &current);
    if (status != TSDB_OK) return status;
    if (start_is_reset(samples, window.begin + 1) || tsdb_histogram_detect_reset(&current, &first)) {
      // The first sample counts for nothing, and neither does its layout.
      first = (tsdb_histogram_view){.schema = current.schema,
                                    .custom_values = current.custom_values,
                                    .custom_value_count = current.custom_value_count};
      is_custom = tsdb_histogram_is_custom(&current);
    }
  }
  if (tsdb_histogram_is_custom(&last) != is_custom) {
    *seen |= told | TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS;
    return TSDB_OK;
  }
  int32_t schema = last.schema < first.schema ? last.schema : first.schema;
  for (uint32_t i = window.begin + 1; is_counter && i + 1 < window.end; i++) {
    status = tsdb_histogram_sample_view(samples, i, &current);
    if (status != TSDB_OK) return status;
    if (current.reset_hint == TSDB_HISTOGRAM_GAUGE) told |= TSDB_HISTOGRAM_SEEN_NOT_COUNTER;
    if (current.schema < schema) schema = current.schema;
    if (tsdb_histogram_is_custom(&current) != is_custom) {
      *seen |= TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS;
      return TSDB_OK;
    }
  }
  uint32_t ignored = 0;
  status = tsdb_histogram_copy_to_schema(&last, schema, &results[0]);
  if (status == TSDB_OK) status = tsdb_histogram_add(&results[0].value, &first, true, &results[1], &ignored);
  if (status != TSDB_OK) return status;
  int at = 1;
  previous = first;
  for (uint32_t i = window.begin + 1; is_counter && i < window.end; i++) {
    status = tsdb_histogram_sample_view(samples, i, &current);
    if (status != TSDB_OK) return status;
    if (start_overlaps(samples, i)) told |= TSDB_HISTOGRAM_SEEN_START_OVERLAP;
    if (start_is_reset(samples, i) || tsdb_histogram_detect_reset(&current, &previous)) {
      status = tsdb_histogram_add(&results[at].value, &previous, false, &results[1 - at], &ignored);
      if (status != TSDB_OK) return status;
      at = 1 - at;
    }
    previous = current;
  }
  if (!is_counter && (first.reset_hint != TSDB_HISTOGRAM_GAUGE || last.reset_hint != TSDB_HISTOGRAM_GAUGE)) {
    told |= TSDB_HISTOGRAM_SEEN_NOT_GAUGE;
  }
  // Conflicting hints are the point here: resets have been looked at one by one.
  *seen |= told | (ignored & ~(uint32_t)TSDB_HISTOGRAM_SEEN_RESET_COLLISION);
  results[at].value.reset_hint = TSDB_HISTOGRAM_GAUGE;
  status = tsdb_histogram_compact(&results[at].value, 0, &results[1 - at]);
  if (status == TSDB_OK) *out_result = 1 - at;
  return status;
}

tsdb_status tsdb_histogram_window_rate(const tsdb_histogram_samples *samples, tsdb_window window, int64_t end_ms,
                                       int64_t range_ms, tsdb_rate_kind kind, tsdb_histogram_result *results,
                                       int *out_result, uint32_t *seen) {
  *out_result = -1;
  if (window.begin >= window.end) return TSDB_OK;
  if (window.end > samples->count) return TSDB_ERR_REFERENCE;
  if (kind != TSDB_RATE && kind != TSDB_INCREASE && kind != TSDB_DELTA) return TSDB_ERR_ARGUMENT;
  bool is_counter = kind != TSDB_DELTA;
  uint32_t gaps = window.end - window.begin - 1;
  int at = -1;
  if (gaps > 0) {
    tsdb_status status = window_increase(samples, window, is_counter, results, &at, seen);
    if (status != TSDB_OK || at < 0) return status;
  }
  const int64_t *times = samples->timestamps_ms;
  int64_t first_ms = times[window.begin], last_ms = times[window.end - 1];
  int64_t range_start_ms = window_minus(end_ms, range_ms);
  double to_start = (double)window_difference(first_ms, range_start_ms) / 1000;
  double to_end = (double)window_difference(end_ms, last_ms) / 1000;
  double sampled = (double)window_difference(last_ms, first_ms) / 1000;
  double gap = gaps > 0 ? sampled / (double)gaps : 0, threshold = gap * 1.1;
  tsdb_histogram_view first;
  tsdb_status status = tsdb_histogram_sample_view(samples, window.begin, &first);
  if (status != TSDB_OK) return status;
  int64_t start_ms =
      is_counter && samples->start_timestamps_ms != NULL ? samples->start_timestamps_ms[window.begin] : 0;
  if (start_ms != 0 && start_ms > range_start_ms && start_ms < first_ms) {
    // The counters began at zero inside the window: nothing is guessed on the left.
    to_start = 0;
    sampled = (double)window_difference(last_ms, start_ms) / 1000;
    if (at < 0) {
      status = tsdb_histogram_copy(&first, &results[0]);
      at = 0;
    } else {
      uint32_t told = 0;
      status = tsdb_histogram_add(&results[at].value, &first, false, &results[1 - at], &told);
      *seen |= told & ~(uint32_t)TSDB_HISTOGRAM_SEEN_RESET_COLLISION;
      if (status == TSDB_ERR_ARGUMENT) return TSDB_OK;
      at = 1 - at;
    }
    if (status != TSDB_OK) return status;
  } else if (gaps == 0) {
    return TSDB_OK;
  } else {
    if (to_start >= threshold) to_start = gap / 2;
    double count = results[at].value.count;
    if (is_counter && count > 0 && first.count >= 0) {
      double to_zero = sampled * (first.count / count);
      if (to_zero < to_start) to_start = to_zero;
    }
  }
  if (to_end >= threshold) to_end = gap / 2;
  double factor = sampled != 0 ? (sampled + to_start + to_end) / sampled : 1.0;
  if (kind == TSDB_RATE) factor /= (double)(range_ms / 1000) + (double)(range_ms % 1000 * 1000000) / 1e9;
  tsdb_histogram_multiply(&results[at], factor);
  *out_result = at;
  return TSDB_OK;
}

tsdb_status tsdb_histogram_window_instant_rate(const tsdb_histogram_samples *samples, tsdb_window window, bool is_rate,
                                               tsdb_histogram_result *results, int *out_result, uint32_t *seen) {
  *out_result = -1;
  if (window.begin >= window.end || window.end - window.begin < 2) return TSDB_OK;
  if (window.end > samples->count) return TSDB_ERR_REFERENCE;
  uint32_t at = window.end - 1;
  int64_t interval_ms = window_difference(samples->timestamps_ms[at], samples->timestamps_ms[at - 1]);
  if (interval_ms == 0) return TSDB_OK;
  tsdb_histogram_view previous, current;
  tsdb_status status = tsdb_histogram_sample_view(samples, at - 1, &previous);
  if (status == TSDB_OK) status = tsdb_histogram_sample_view(samples, at, &current);
  if (status != TSDB_OK) return status;
  bool is_either_gauge = previous.reset_hint == TSDB_HISTOGRAM_GAUGE || current.reset_hint == TSDB_HISTOGRAM_GAUGE;
  bool are_gauges = previous.reset_hint == TSDB_HISTOGRAM_GAUGE && current.reset_hint == TSDB_HISTOGRAM_GAUGE;
  if (is_rate && is_either_gauge) *seen |= TSDB_HISTOGRAM_SEEN_NOT_COUNTER;
  if (!is_rate && !are_gauges) *seen |= TSDB_HISTOGRAM_SEEN_NOT_GAUGE;
  const tsdb_histogram_view *difference = &current;
  if (!is_rate || (!start_is_reset(samples, at) && !tsdb_histogram_detect_reset(&current, &previous))) {
    uint32_t told = 0;
    status = tsdb_histogram_add(&current, &previous, true, &results[0], &told);
    *seen |= told & ~(uint32_t)TSDB_HISTOGRAM_SEEN_RESET_COLLISION;
    if (status == TSDB_ERR_ARGUMENT) return TSDB_OK;
    if (status != TSDB_OK) return status;
    difference = &results[0].value;
  }
  status = tsdb_histogram_compact(difference, 0, &results[1]);
  if (status != TSDB_OK) return status;
  results[1].value.reset_hint = TSDB_HISTOGRAM_GAUGE;
  if (is_rate) tsdb_histogram_divide(&results[1], (double)interval_ms / 1000);
  *out_result = 1;
  return TSDB_OK;
}

tsdb_status tsdb_histogram_window_sum(const tsdb_histogram_samples *samples, tsdb_window window, bool is_average,
                                      tsdb_histogram_result *results, int *out_result, uint32_t *seen) {
  *out_result = -1;
  if (window.begin >= window.end) return TSDB_OK;
  if (window.end > samples->count) return TSDB_ERR_REFERENCE;
  tsdb_histogram_view view;
  tsdb_status status = tsdb_histogram_sample_view(samples, window.begin, &view);
  if (status == TSDB_OK) status = tsdb_histogram_copy(&view, &results[0]);
  if (status != TSDB_OK) return status;
  int at = 0;
  bool has_reset = view.reset_hint == TSDB_HISTOGRAM_RESET, has_no_reset = view.reset_hint == TSDB_HISTOGRAM_RESET_NOT;
  bool is_incremental = false;
  double count = 1;
  uint32_t told = 0;
  for (uint32_t i = window.begin + 1; i < window.end; i++) {
    status = tsdb_histogram_sample_view(samples, i, &view);
    if (status != TSDB_OK) return status;
    if (view.reset_hint == TSDB_HISTOGRAM_RESET) has_reset = true;
    if (view.reset_hint == TSDB_HISTOGRAM_RESET_NOT) has_no_reset = true;
    count += 1;
    if (!is_incremental) {
      status = tsdb_histogram_kahan_add(&results[at], &view, &results[1 - at], &told);
      if (status != TSDB_OK) break;
      if (!is_average || !tsdb_histogram_has_overflow(&results[1 - at].value)) {
        at = 1 - at;
        continue;
      }
      // The sum does not fit any more: from here on the mean is moved, as for floats.
      is_incremental = true;
      tsdb_histogram_divide(&results[at], count - 1);
    }
    tsdb_histogram_multiply(&results[at], (count - 1) / count);
    status = tsdb_histogram_copy(&view, &results[2]);
    if (status != TSDB_OK) return status;
    tsdb_histogram_divide(&results[2], count);
    status = tsdb_histogram_kahan_add(&results[at], &results[2].value, &results[1 - at], &told);
    if (status != TSDB_OK) break;
    at = 1 - at;
  }
  if ((told & TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS) != 0) {
    *seen |= TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS;
    return TSDB_OK;
  }
  if (status != TSDB_OK) return status;
  *seen |= told & ~(uint32_t)TSDB_HISTOGRAM_SEEN_RESET_COLLISION;
  if (has_reset && has_no_reset) *seen |= TSDB_HISTOGRAM_SEEN_RESET_COLLISION;
  if (is_average && !is_incremental) tsdb_histogram_divide(&results[at], count);
  tsdb_histogram_fold_rests(&results[at]);
  *out_result = at;
  return TSDB_OK;
}

tsdb_status tsdb_histogram_window_resets(const tsdb_histogram_samples *samples, tsdb_window window, uint32_t *out_count) {
  *out_count = 0;
  if (window.begin >= window.end) return TSDB_OK;
  if (window.end > samples->count) return TSDB_ERR_REFERENCE;
  tsdb_histogram_view previous, current;
  tsdb_status status = tsdb_histogram_sample_view(samples, window.begin, &previous);
  for (uint32_t i = window.begin + 1; status == TSDB_OK && i < window.end; i++) {
    status = tsdb_histogram_sample_view(samples, i, &current);
    if (status != TSDB_OK) return status;
    if (start_is_reset(samples, i) || tsdb_histogram_detect_reset(&current, &previous)) ++*out_count;
    previous = current;
  }
  return status;
}
