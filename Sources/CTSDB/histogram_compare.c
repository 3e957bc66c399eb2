// Whether counters of native histograms started anew, whether two are the same, whether one makes sense.
#include <math.h>

#include "histogram_side.h"
#include "tsdb/histogram_math.h"

/// Whether a bucket lost observations: one of `previous` is gone or smaller. Both are walked at one schema, without the
/// buckets at the beginning that end inside the current zero bucket.
static bool side_falls(const tsdb_histogram_view *current, const tsdb_histogram_view *previous, int32_t schema,
                       bool is_negative) {
  merged_walk ours = merged_start(side_of(current, is_negative), schema, false, false, 0);
  merged_walk theirs = merged_start(side_of(previous, is_negative), schema, false, false, 0);
  bool is_bounded = is_exponential(schema);
  int64_t our_index = 0, their_index = 0;
  double our_count = 0, their_count = 0, rest;
  bool has_ours = merged_next(&ours, &our_index, &our_count, &rest);
  while (has_ours && is_bounded && current->zero_threshold != 0 &&
         tsdb_histogram_bound(our_index, schema, NULL, 0) <= current->zero_threshold) {
    has_ours = merged_next(&ours, &our_index, &our_count, &rest);
  }
  bool is_inside = is_bounded && current->zero_threshold != 0;
  while (merged_next(&theirs, &their_index, &their_count, &rest)) {
    if (is_inside && tsdb_histogram_bound(their_index, schema, NULL, 0) <= current->zero_threshold) continue;
    is_inside = false;
    while (has_ours && our_index < their_index) has_ours = merged_next(&ours, &our_index, &our_count, &rest);
    if (!has_ours || our_index > their_index) {
      if (their_count != 0) return true;
    } else if (our_count < their_count) {
      return true;
    }
  }
  return false;
}

/// One histogram's counts up to growing custom bounds.
typedef struct custom_sums {
  histogram_side side;
  side_walk walk;
  const tsdb_histogram_view *view;
  bool has_next;
  int64_t index;
  uint32_t at;
} custom_sums;

static custom_sums custom_sums_start(const tsdb_histogram_view *view) {
  custom_sums sums = {side_of(view, false), {0, 0, 0, 0}, view, false, 0, 0};
  sums.has_next = side_next(&sums.side, &sums.walk, &sums.index, &sums.at);
  return sums;
}

/// The counts of the buckets up to `bound` that were not told yet.
static double custom_sums_up_to(custom_sums *sums, double bound) {
  double sum = 0;
  while (sums->has_next && tsdb_histogram_bound(sums->index, sums->view->schema, sums->view->custom_values,
                                                sums->view->custom_value_count) <= bound) {
    sum += sums->side.buckets[sums->at];
    sums->has_next = side_next(&sums->side, &sums->walk, &sums->index, &sums->at);
  }
  return sum;
}

/// With different custom bounds, what lies between bounds that both have is compared.
static bool custom_falls(const tsdb_histogram_view *current, const tsdb_histogram_view *previous) {
  custom_sums ours = custom_sums_start(current), theirs = custom_sums_start(previous);
  uint32_t i = 0, j = 0;
  while (i <= current->custom_value_count && j <= previous->custom_value_count) {
    double our_bound = i < current->custom_value_count ? current->custom_values[i] : (double)INFINITY;
    double their_bound = j < previous->custom_value_count ? previous->custom_values[j] : (double)INFINITY;
    if (our_bound == their_bound) {
      double our_sum = custom_sums_up_to(&ours, our_bound);
      if (our_sum < custom_sums_up_to(&theirs, our_bound)) return true;
      i++, j++;
    } else if (our_bound < their_bound) {
      i++;
    } else {
      j++;
    }
  }
  return false;
}

bool tsdb_histogram_detect_reset(const tsdb_histogram_view *current, const tsdb_histogram_view *previous) {
  if (current->reset_hint == TSDB_HISTOGRAM_RESET) return true;
  // A gauge's hint does not say; a counter's "not" does.
  if (current->reset_hint == TSDB_HISTOGRAM_RESET_NOT) return false;
  return tsdb_histogram_falls(current, current->schema, previous, previous->schema);
}

bool tsdb_histogram_falls(const tsdb_histogram_view *current, int32_t schema, const tsdb_histogram_view *previous,
                          int32_t previous_schema) {
  if (current->count < previous->count) return true;
  if (tsdb_histogram_is_custom(current)) {
    if (!tsdb_histogram_is_custom(previous)) return true;
    if (!custom_values_match(current, previous)) return custom_falls(current, previous);
  }
  // A finer schema or a narrower zero bucket cannot be the same counters.
  if (schema > previous_schema) return true;
  if (current->zero_threshold < previous->zero_threshold) return true;
  double previous_zero = previous->zero_count;
  if (current->zero_threshold != previous->zero_threshold) {
    // What a wider zero bucket takes of buckets that are themselves read as wider ones is not worked out.
    if (previous_schema != previous->schema) return true;
    double reached = current->zero_threshold, rest = 0;
    previous_zero = histogram_zero_count(previous, NULL, NULL, -1, previous->zero_count, &rest, &reached);
    // The wider zero bucket cuts a bucket with observations.
    if (reached != current->zero_threshold) return true;
  }
  if (current->zero_count < previous_zero) return true;
  return side_falls(current, previous, schema, false) || side_falls(current, previous, schema, true);
}

static bool is_same_double(double a, double b) { return tsdb_bits_of_double(a) == tsdb_bits_of_double(b); }

static bool sides_equal(const tsdb_histogram_view *a, const tsdb_histogram_view *b, bool is_negative) {
  histogram_side side_a = side_of(a, is_negative), side_b = side_of(b, is_negative);
  if (side_a.bucket_count != side_b.bucket_count) return false;
  side_walk walk_a = {0, 0, 0, 0}, walk_b = {0, 0, 0, 0};
  for (;;) {
    int64_t index_a = 0, index_b = 0;
    uint32_t at_a = 0, at_b = 0;
    bool has_a = side_next(&side_a, &walk_a, &index_a, &at_a), has_b = side_next(&side_b, &walk_b, &index_b, &at_b);
    if (has_a != has_b) return false;
    if (!has_a) return true;
    if (index_a != index_b || !is_same_double(side_a.buckets[at_a], side_b.buckets[at_b])) return false;
  }
}

bool tsdb_histogram_equals(const tsdb_histogram_view *a, const tsdb_histogram_view *b) {
  return a->schema == b->schema && is_same_double(a->count, b->count) && is_same_double(a->sum, b->sum) &&
         (!tsdb_histogram_is_custom(a) || custom_values_match(a, b)) && a->zero_threshold == b->zero_threshold &&
         is_same_double(a->zero_count, b->zero_count) && sides_equal(a, b, true) && sides_equal(a, b, false);
}

/// Spans that do not go back and say as many buckets as there are; *out_length is how many indexes they span.
static bool spans_are_sound(const histogram_side *side, bool first_may_be_negative, int64_t *out_length) {
  uint64_t buckets = 0;
  int64_t length = 0;
  for (uint32_t i = 0; i < side->span_count; i++) {
    if (side->spans[i].offset < 0 && (i > 0 || !first_may_be_negative)) return false;
    buckets += side->spans[i].length;
    length += (int64_t)side->spans[i].offset + side->spans[i].length;
  }
  *out_length = length;
  return buckets == side->bucket_count;
}

static bool counts_are_sound(const histogram_side *side) {
  for (uint32_t i = 0; i < side->bucket_count; i++) {
    if (side->buckets[i] < 0) return false;
  }
  return true;
}

tsdb_status tsdb_histogram_validate_view(const tsdb_histogram_view *histogram) {
  histogram_side positive = side_of(histogram, false), negative = side_of(histogram, true);
  int64_t length = 0;
  if (tsdb_histogram_is_custom(histogram)) {
    const double *bounds = histogram->custom_values;
    for (uint32_t i = 0; i < histogram->custom_value_count; i++) {
      if (isnan(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1])) return TSDB_ERR_MALFORMED;
    }
    if (histogram->custom_value_count > 0 && bounds[histogram->custom_value_count - 1] == (double)INFINITY) {
      return TSDB_ERR_MALFORMED;
    }
    if (!spans_are_sound(&positive, false, &length) || length > (int64_t)histogram->custom_value_count + 1 ||
        histogram->zero_count != 0 || histogram->zero_threshold != 0 || negative.span_count > 0 ||
        negative.bucket_count > 0) {
      return TSDB_ERR_MALFORMED;
    }
  } else {
    if (histogram->schema < -4 || histogram->schema > TSDB_HISTOGRAM_SCHEMA_MAX) return TSDB_ERR_ARGUMENT;
    if (!spans_are_sound(&positive, true, &length) || !spans_are_sound(&negative, true, &length) ||
        !counts_are_sound(&negative) || histogram->zero_count < 0 || histogram->custom_value_count > 0) {
      return TSDB_ERR_MALFORMED;
    }
  }
  return histogram->count < 0 || !counts_are_sound(&positive) ? TSDB_ERR_MALFORMED : TSDB_OK;
}
