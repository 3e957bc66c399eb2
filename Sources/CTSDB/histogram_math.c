// Sums, differences, scaling and compaction of native histograms. The other operations are in histogram_compare.c,
// histogram_quantile.c and histogram_window.c.
//
// A sum is a merge of two ascending walks, each at the coarser schema of the two, into a writer that makes new spans. What
// upstream does step by step to its left operand (zero the buckets under a wider zero bucket, take empty ones out, lower the
// resolution) is here a condition on the walk.
#include "tsdb/histogram_math.h"

#include <math.h>
#include <string.h>

#include "bucket_bounds.h"
#include "histogram_side.h"

double tsdb_histogram_bound(int64_t index, int32_t schema, const double *custom_values, uint32_t custom_value_count) {
  if (!is_exponential(schema)) {
    if (index < 0) return (double)-INFINITY;
    return index < (int64_t)custom_value_count ? custom_values[index] : (double)INFINITY;
  }
  // Far outside of what exponents can be, all is 0 or infinite.
  if (schema > TSDB_HISTOGRAM_SCHEMA_MAX) schema = TSDB_HISTOGRAM_SCHEMA_MAX;
  if (schema < -30) schema = -30;
  double fraction = 0.5;
  int64_t exponent;
  if (schema < 0) {
    int64_t limit = INT64_C(1) << 20;
    if (index > limit) index = limit;
    if (index < -limit) index = -limit;
    exponent = index * (INT64_C(1) << -schema) + 1;
  } else {
    fraction = bucket_bound_fractions[(index & ((INT64_C(1) << schema) - 1)) << (TSDB_HISTOGRAM_SCHEMA_MAX - schema)];
    exponent = (index >> schema) + 1;
  }
  // The bucket below the one of infinite observations ends at the largest number.
  if (fraction == 0.5 && exponent == 1025) return 0x1.fffffffffffffp+1023;
  return ldexp(fraction, exponent > 5000 ? 5000 : exponent < -5000 ? -5000 : (int)exponent);
}

size_t tsdb_histogram_spans_bound(const tsdb_histogram_view *a, const tsdb_histogram_view *b) {
  size_t count = (size_t)a->positive_bucket_count + a->negative_bucket_count;
  if (b != NULL) count += (size_t)b->positive_bucket_count + b->negative_bucket_count;
  return count;
}

size_t tsdb_histogram_doubles_bound(const tsdb_histogram_view *a, const tsdb_histogram_view *b) {
  size_t count = tsdb_histogram_spans_bound(a, b) + 2 * (size_t)a->custom_value_count + 1;
  if (b != NULL) count += 2 * (size_t)b->custom_value_count + 1;
  return count;
}

static inline void head_copy(const tsdb_histogram_view *source, tsdb_histogram_result *out) {
  out->value.schema = source->schema;
  out->value.reset_hint = source->reset_hint;
  out->value.zero_threshold = source->zero_threshold;
  out->value.zero_count = source->zero_count;
  out->value.count = source->count;
  out->value.sum = source->sum;
  out->has_rests = false;
  out->rest_zero_count = out->rest_count = out->rest_sum = 0;
}

tsdb_status tsdb_histogram_copy_to_schema(const tsdb_histogram_view *source, int32_t schema, tsdb_histogram_result *out) {
  bool is_custom = tsdb_histogram_is_custom(source);
  if (schema != source->schema &&
      (is_custom || schema == TSDB_HISTOGRAM_SCHEMA_CUSTOM || schema > source->schema)) {
    return TSDB_ERR_ARGUMENT;
  }
  head_copy(source, out);
  if (schema != source->schema) out->value.reset_hint = TSDB_HISTOGRAM_RESET_UNKNOWN;
  out->value.schema = schema;
  if (is_custom) out->value.zero_threshold = out->value.zero_count = 0;
  side_writer writers[2];
  for (int negative = 0; negative < 2; negative++) {
    writers[negative] = negative == 0 ? writer_of_positive(out) : writer_behind(&writers[0]);
    if (is_custom && negative == 1) continue;
    merged_walk walk = merged_start(side_of(source, negative == 1), schema, false, false, 0);
    int64_t index;
    double count, rest;
    while (merged_next(&walk, &index, &count, &rest)) {
      tsdb_status status = side_append(&writers[negative], index, count, 0);
      if (status != TSDB_OK) return status;
    }
  }
  writers_end(&writers[0], &writers[1]);
  return custom_values_write(out, source->custom_values, source->custom_value_count);
}

tsdb_status tsdb_histogram_copy(const tsdb_histogram_view *source, tsdb_histogram_result *out) {
  return tsdb_histogram_copy_to_schema(source, source->schema, out);
}

double histogram_zero_count(const tsdb_histogram_view *view, const double *positive_rests, const double *negative_rests,
                            double inside, double zero_count, double *rest, double *larger) {
  for (;;) {
    bool widened_below = false;
    double zero = zero_count;
    for (int negative = 0; negative < 2 && !widened_below; negative++) {
      histogram_side side = side_of(view, negative == 1);
      const double *rests = negative == 1 ? negative_rests : positive_rests;
      side_walk walk = {0, 0, 0, 0};
      int64_t index;
      uint32_t at;
      while (side_next(&side, &walk, &index, &at)) {
        double lower = tsdb_histogram_bound(index - 1, view->schema, NULL, 0);
        if (lower < inside) continue;
        if (lower >= *larger) break;
        double upper = tsdb_histogram_bound(index, view->schema, NULL, 0);
        kahan_add(side.buckets[at], &zero, rest);
        if (rests != NULL) kahan_add(rests[at], &zero, rest);
        if (upper > *larger) {
          if (side.buckets[at] != 0) {
            *larger = upper;
            // A negative bucket that widens it may reach over positive ones: all is counted again.
            widened_below = negative == 1;
          }
          break;
        }
      }
    }
    if (!widened_below) return zero;
  }
}

static uint8_t hints_combine(uint8_t ours, uint8_t theirs, uint32_t *seen) {
  if (ours == theirs || ours == TSDB_HISTOGRAM_GAUGE) return ours;
  if (theirs == TSDB_HISTOGRAM_GAUGE) return TSDB_HISTOGRAM_GAUGE;
  if (ours == TSDB_HISTOGRAM_RESET_UNKNOWN || theirs == TSDB_HISTOGRAM_RESET_UNKNOWN) return TSDB_HISTOGRAM_RESET_UNKNOWN;
  *seen |= TSDB_HISTOGRAM_SEEN_RESET_COLLISION;
  return TSDB_HISTOGRAM_RESET_UNKNOWN;
}

/// How two histograms are combined.
typedef struct combination {
  const tsdb_histogram_view *a;
  const tsdb_histogram_view *b;
  const double *a_positive_rests;
  const double *a_negative_rests;
  bool subtracts;
  bool is_compensated;
  // Filled in by the reconciliation of zero buckets.
  double threshold;   ///< of both
  bool is_widened;    ///< a's zero bucket took buckets of a's
  int32_t schema;     ///< of both
} combination;

/// Brings both zero buckets to one width; a's count goes to *zero and *zero_rest, b's to *b_zero and *b_rest.
static void zero_buckets_reconcile(combination *plan, double *zero, double *zero_rest, double *b_zero, double *b_rest) {
  double b_threshold = plan->b->zero_threshold;
  *b_zero = plan->b->zero_count;
  *b_rest = 0;
  plan->threshold = plan->a->zero_threshold;
  double inside = -1;
  while (b_threshold != plan->threshold) {
    bool moved = false;
    if (plan->threshold > b_threshold) {
      b_threshold = plan->threshold;
      *b_rest = 0;
      *b_zero = histogram_zero_count(plan->b, NULL, NULL, -1, plan->b->zero_count, b_rest, &b_threshold);
      moved = true;
    }
    if (b_threshold > plan->threshold) {
      double reached = b_threshold;
      double rest = *zero_rest;
      *zero = histogram_zero_count(plan->a, plan->a_positive_rests, plan->a_negative_rests, inside, *zero, &rest, &reached);
      if (plan->is_compensated) *zero_rest = rest;
      plan->threshold = inside = reached;
      plan->is_widened = true;
      moved = true;
    }
    if (!moved) break;  // a NaN
  }
}

/// Merges one side of both into the writer.
static tsdb_status sides_merge(const combination *plan, bool is_negative, side_writer *writer) {
  histogram_side side_a = side_of(plan->a, is_negative);
  side_a.rests = is_negative ? plan->a_negative_rests : plan->a_positive_rests;
  merged_walk a = merged_start(side_a, plan->schema, plan->is_compensated, plan->is_widened, plan->threshold);
  merged_walk b = merged_start(side_of(plan->b, is_negative), plan->schema, plan->is_compensated, false, 0);
  int64_t a_index = 0, b_index = 0;
  double a_count = 0, a_rest = 0, b_count = 0, b_rest = 0;
  bool has_a = merged_next(&a, &a_index, &a_count, &a_rest);
  bool has_b = merged_next(&b, &b_index, &b_count, &b_rest);
  // b's buckets under the zero bucket are in its zero count.
  while (has_b && is_exponential(plan->schema) &&
         tsdb_histogram_bound(b_index, plan->schema, NULL, 0) <= plan->threshold) {
    has_b = merged_next(&b, &b_index, &b_count, &b_rest);
  }
  while (has_a || has_b) {
    tsdb_status status;
    if (!has_b || (has_a && a_index < b_index)) {
      status = side_append(writer, a_index, a_count, a_rest);
      has_a = merged_next(&a, &a_index, &a_count, &a_rest);
    } else {
      if (plan->subtracts) b_count = b_count * -1, b_rest = b_rest * -1;
      if (!has_a || b_index < a_index) {
        status = side_append(writer, b_index, b_count, b_rest);
      } else {
        if (plan->is_compensated) {
          kahan_add(b_count, &a_count, &a_rest);
          if (b_rest != 0) kahan_add(b_rest, &a_count, &a_rest);
        } else {
          a_count += b_count;
        }
        status = side_append(writer, a_index, a_count, a_rest);
        has_a = merged_next(&a, &a_index, &a_count, &a_rest);
      }
      has_b = merged_next(&b, &b_index, &b_count, &b_rest);
    }
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

/// Adds a side with custom bounds into the buckets of the bounds that both have; what none of them bounds goes to the last.
static void custom_buckets_map(histogram_side side, const double *bounds, uint32_t bound_count, const double *common,
                               uint32_t common_count, bool subtracts, double *counts, double *rests) {
  side_walk walk = {0, 0, 0, 0};
  int64_t index;
  uint32_t at, target = 0;
  while (side_next(&side, &walk, &index, &at)) {
    uint32_t into = common_count;
    if (index >= 0 && index < (int64_t)bound_count) {
      while (target < common_count && !(common[target] >= bounds[index])) target++;
      into = target;
    }
    kahan_add(subtracts ? -side.buckets[at] : side.buckets[at], &counts[into], &rests[into]);
    if (side.rests != NULL) kahan_add(side.rests[at], &counts[into], &rests[into]);
  }
}

/// The sum of histograms with different custom bounds: at the bounds that both have.
static tsdb_status custom_combine(const combination *plan, tsdb_histogram_result *out) {
  const tsdb_histogram_view *a = plan->a, *b = plan->b;
  uint32_t most = a->custom_value_count < b->custom_value_count ? a->custom_value_count : b->custom_value_count;
  // Buckets first, then the common bounds behind the most buckets that there can be.
  size_t needed = 2 * (size_t)most + 1;
  if (out->double_capacity < needed) return TSDB_ERR_CAPACITY;
  double *counts = out->doubles, *rests = out->rests, *common = out->doubles + most + 1;
  uint32_t common_count = 0;
  for (uint32_t i = 0, j = 0; i < a->custom_value_count && j < b->custom_value_count;) {
    double ours = a->custom_values[i], theirs = b->custom_values[j];
    if (ours == theirs) {
      common[common_count++] = ours;
      i++, j++;
    } else if (ours < theirs) {
      i++;
    } else {
      j++;
    }
  }
  for (uint32_t i = 0; i <= common_count; i++) counts[i] = rests[i] = 0;
  histogram_side side_a = side_of(a, false);
  side_a.rests = plan->a_positive_rests;
  custom_buckets_map(side_a, a->custom_values, a->custom_value_count, common, common_count, false, counts, rests);
  custom_buckets_map(side_of(b, false), b->custom_values, b->custom_value_count, common, common_count, plan->subtracts,
                     counts, rests);
  side_writer writers[2] = {writer_of_positive(out), writer_of_positive(out)};
  for (uint32_t i = 0; i <= common_count; i++) {
    // Writing follows reading: it never overtakes.
    double count = counts[i], rest = rests[i];
    if (count == 0 && rest == 0) continue;
    tsdb_status status = side_append(&writers[0], i, count, rest);
    if (status != TSDB_OK) return status;
  }
  writers[1] = writer_behind(&writers[0]);
  writers_end(&writers[0], &writers[1]);
  // The bounds move up behind the buckets.
  memmove(out->doubles + out->value.positive_bucket_count, common, common_count * sizeof *common);
  out->value.custom_values = common_count == 0 ? NULL : out->doubles + out->value.positive_bucket_count;
  out->value.custom_value_count = common_count;
  return TSDB_OK;
}

static tsdb_status histograms_combine(combination *plan, const tsdb_histogram_result *sum, tsdb_histogram_result *out,
                                      uint32_t *seen) {
  const tsdb_histogram_view *a = plan->a, *b = plan->b;
  bool is_custom = tsdb_histogram_is_custom(a);
  if (is_custom != tsdb_histogram_is_custom(b)) {
    *seen |= TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS;
    return TSDB_ERR_ARGUMENT;
  }
  head_copy(a, out);
  out->has_rests = plan->is_compensated;
  if (sum != NULL && sum->has_rests) {
    out->rest_zero_count = sum->rest_zero_count;
    out->rest_count = sum->rest_count;
    out->rest_sum = sum->rest_sum;
  }
  tsdb_histogram_view *value = &out->value;
  value->reset_hint = hints_combine(a->reset_hint, b->reset_hint, seen);
  plan->schema = a->schema < b->schema ? a->schema : b->schema;
  plan->threshold = 0;
  plan->is_widened = false;
  if (is_custom) {
    value->zero_threshold = value->zero_count = 0;
  } else {
    double b_zero, b_rest;
    zero_buckets_reconcile(plan, &value->zero_count, &out->rest_zero_count, &b_zero, &b_rest);
    value->zero_threshold = plan->threshold;
    if (plan->is_compensated) {
      kahan_add(b_zero, &value->zero_count, &out->rest_zero_count);
      kahan_add(b_rest, &value->zero_count, &out->rest_zero_count);
    } else {
      value->zero_count = plan->subtracts ? value->zero_count - b_zero : value->zero_count + b_zero;
    }
  }
  if (plan->is_compensated) {
    kahan_add(b->count, &value->count, &out->rest_count);
    kahan_add(b->sum, &value->sum, &out->rest_sum);
  } else {
    value->count = plan->subtracts ? value->count - b->count : value->count + b->count;
    value->sum = plan->subtracts ? value->sum - b->sum : value->sum + b->sum;
    out->rest_zero_count = 0;
  }
  value->schema = plan->schema;
  if (is_custom && !custom_values_match(a, b)) {
    *seen |= plan->subtracts ? TSDB_HISTOGRAM_SEEN_BOUNDS_RECONCILED_SUB : TSDB_HISTOGRAM_SEEN_BOUNDS_RECONCILED;
    return custom_combine(plan, out);
  }
  side_writer positive = writer_of_positive(out);
  tsdb_status status = sides_merge(plan, false, &positive);
  if (status != TSDB_OK) return status;
  side_writer negative = writer_behind(&positive);
  if (!is_custom) status = sides_merge(plan, true, &negative);
  if (status != TSDB_OK) return status;
  writers_end(&positive, &negative);
  return custom_values_write(out, a->custom_values, a->custom_value_count);
}

tsdb_status tsdb_histogram_add(const tsdb_histogram_view *a, const tsdb_histogram_view *b, bool subtracts,
                               tsdb_histogram_result *out, uint32_t *seen) {
  combination plan = {a, b, NULL, NULL, subtracts, false, 0, false, 0};
  return histograms_combine(&plan, NULL, out, seen);
}

tsdb_status tsdb_histogram_kahan_add(const tsdb_histogram_result *sum, const tsdb_histogram_view *b,
                                     tsdb_histogram_result *out, uint32_t *seen) {
  combination plan = {&sum->value, b, NULL, NULL, false, true, 0, false, 0};
  if (sum->has_rests) {
    plan.a_positive_rests = sum->rests;
    plan.a_negative_rests = sum->rests + sum->value.positive_bucket_count;
  }
  return histograms_combine(&plan, sum, out, seen);
}

void tsdb_histogram_fold_rests(tsdb_histogram_result *sum) {
  if (!sum->has_rests) return;
  tsdb_histogram_view *value = &sum->value;
  value->zero_count += sum->rest_zero_count;
  value->count += sum->rest_count;
  value->sum += sum->rest_sum;
  size_t count = (size_t)value->positive_bucket_count + value->negative_bucket_count;
  for (size_t i = 0; i < count; i++) sum->doubles[i] += sum->rests[i];
  sum->has_rests = false;
  sum->rest_zero_count = sum->rest_count = sum->rest_sum = 0;
}

bool tsdb_histogram_has_overflow(const tsdb_histogram_view *histogram) {
  if (isinf(histogram->zero_count) || isinf(histogram->count) || isinf(histogram->sum)) return true;
  for (uint32_t i = 0; i < histogram->positive_bucket_count; i++) {
    if (isinf(histogram->positive_buckets[i])) return true;
  }
  for (uint32_t i = 0; i < histogram->negative_bucket_count; i++) {
    if (isinf(histogram->negative_buckets[i])) return true;
  }
  for (uint32_t i = 0; i < histogram->custom_value_count; i++) {
    if (isinf(histogram->custom_values[i])) return true;
  }
  return false;
}

void tsdb_histogram_multiply(tsdb_histogram_result *histogram, double factor) {
  tsdb_histogram_view *value = &histogram->value;
  value->zero_count *= factor;
  value->count *= factor;
  value->sum *= factor;
  histogram->rest_zero_count *= factor;
  histogram->rest_count *= factor;
  histogram->rest_sum *= factor;
  size_t count = (size_t)value->positive_bucket_count + value->negative_bucket_count;
  for (size_t i = 0; i < count; i++) histogram->doubles[i] *= factor;
  for (size_t i = 0; histogram->has_rests && i < count; i++) histogram->rests[i] *= factor;
  if (factor < 0) value->reset_hint = TSDB_HISTOGRAM_GAUGE;
}

void tsdb_histogram_divide(tsdb_histogram_result *histogram, double divisor) {
  tsdb_histogram_view *value = &histogram->value;
  value->zero_count /= divisor;
  value->count /= divisor;
  value->sum /= divisor;
  histogram->rest_zero_count /= divisor;
  histogram->rest_count /= divisor;
  histogram->rest_sum /= divisor;
  if (divisor == 0) {
    value->positive_bucket_count = value->negative_bucket_count = 0;
    value->positive_span_count = value->negative_span_count = 0;
    return;
  }
  size_t count = (size_t)value->positive_bucket_count + value->negative_bucket_count;
  for (size_t i = 0; i < count; i++) histogram->doubles[i] /= divisor;
  for (size_t i = 0; histogram->has_rests && i < count; i++) histogram->rests[i] /= divisor;
  if (divisor < 0) value->reset_hint = TSDB_HISTOGRAM_GAUGE;
}

tsdb_status tsdb_histogram_compact(const tsdb_histogram_view *source, uint32_t max_empty, tsdb_histogram_result *out) {
  head_copy(source, out);
  side_writer writers[2];
  for (int negative = 0; negative < 2; negative++) {
    writers[negative] = negative == 0 ? writer_of_positive(out) : writer_behind(&writers[0]);
    histogram_side side = side_of(source, negative == 1);
    side_walk walk = {0, 0, 0, 0};
    int64_t index;
    uint32_t at;
    while (side_next(&side, &walk, &index, &at)) {
      if (side.buckets[at] == 0) continue;
      side_writer *writer = &writers[negative];
      // Empty ones in between stay, or are made, if they are few.
      if (writer->bucket_count > 0 && index - writer->next_index <= (int64_t)max_empty) {
        while (writer->next_index < index) {
          tsdb_status status = side_append(writer, writer->next_index, 0, 0);
          if (status != TSDB_OK) return status;
        }
      }
      tsdb_status status = side_append(writer, index, side.buckets[at], 0);
      if (status != TSDB_OK) return status;
    }
  }
  writers_end(&writers[0], &writers[1]);
  return custom_values_write(out, source->custom_values, source->custom_value_count);
}
