// Walks over all buckets of a histogram, and what is estimated from them: quantiles, fractions, variance, trimming; the same of
// classic histograms.
//
// Inside an exponential bucket observations are taken to be spread evenly over the logarithm, elsewhere (custom buckets, the zero
// bucket, classic ones) evenly.
#include <math.h>

#include "histogram_side.h"
#include "tsdb/histogram_math.h"

enum { WALK_FIRST_SIDE, WALK_ZERO, WALK_SECOND_SIDE, WALK_END };

void tsdb_histogram_walk_start(const tsdb_histogram_view *histogram, bool is_descending, tsdb_histogram_walk *walk) {
  *walk = (tsdb_histogram_walk){WALK_FIRST_SIDE, is_descending, 0, 0, 0, 0};
  // The first side is walked from its far end: a walk down begins with the largest, one up with the most negative bucket.
  histogram_side side = side_of(histogram, !is_descending);
  walk->span = side.span_count;
  walk->bucket = side.bucket_count;
  for (uint32_t i = 0; i < side.span_count; i++) walk->index += (int64_t)side.spans[i].offset + side.spans[i].length;
}

/// The bucket before, from the far end of a side on.
static bool side_previous(const histogram_side *side, tsdb_histogram_walk *walk, int64_t *out_index, uint32_t *out_at) {
  if (walk->bucket == 0) return false;
  while (walk->in_span == 0) {
    if (walk->span == 0) return false;
    if (walk->span < side->span_count) walk->index -= side->spans[walk->span].offset;
    walk->span--;
    walk->in_span = side->spans[walk->span].length;
  }
  walk->in_span--;
  *out_at = --walk->bucket;
  *out_index = --walk->index;
  return true;
}

static tsdb_histogram_bucket bucket_at(const tsdb_histogram_view *view, bool is_negative, int64_t index, double count) {
  double far = tsdb_histogram_bound(index, view->schema, view->custom_values, view->custom_value_count);
  double near = tsdb_histogram_bound(index - 1, view->schema, view->custom_values, view->custom_value_count);
  tsdb_histogram_bucket bucket = {near, far, count, false, false};
  if (is_negative) bucket.lower = -far, bucket.upper = -near;
  if (tsdb_histogram_is_custom(view)) {
    bucket.is_lower_inclusive = index == 0;
    bucket.is_upper_inclusive = true;
  } else {
    bucket.is_lower_inclusive = bucket.lower < 0;
    bucket.is_upper_inclusive = bucket.upper > 0;
  }
  return bucket;
}

bool tsdb_histogram_walk_next(const tsdb_histogram_view *histogram, tsdb_histogram_walk *walk,
                              tsdb_histogram_bucket *out_bucket) {
  int64_t index = 0;
  uint32_t at = 0;
  double threshold = histogram->zero_threshold;
  if (walk->state == WALK_FIRST_SIDE) {
    bool is_negative = !walk->is_descending;
    histogram_side side = side_of(histogram, is_negative);
    if (side_previous(&side, walk, &index, &at)) {
      *out_bucket = bucket_at(histogram, is_negative, index, side.buckets[at]);
      if (out_bucket->upper < 0 && out_bucket->upper > -threshold) {
        out_bucket->upper = -threshold;
      } else if (out_bucket->lower > 0 && out_bucket->lower < threshold) {
        out_bucket->lower = threshold;
      }
      return true;
    }
    walk->state = WALK_ZERO;
  }
  if (walk->state == WALK_ZERO) {
    walk->state = WALK_SECOND_SIDE;
    walk->span = walk->in_span = walk->bucket = 0;
    walk->index = 0;
    if (histogram->zero_count > 0) {
      *out_bucket = (tsdb_histogram_bucket){-threshold, threshold, histogram->zero_count, true, true};
      return true;
    }
  }
  if (walk->state == WALK_SECOND_SIDE) {
    bool is_negative = walk->is_descending;
    histogram_side side = side_of(histogram, is_negative);
    side_walk place = {walk->span, walk->in_span, walk->bucket, walk->index};
    if (side_next(&side, &place, &index, &at)) {
      walk->span = place.span, walk->in_span = place.in_span, walk->bucket = place.bucket, walk->index = place.index;
      *out_bucket = bucket_at(histogram, is_negative, index, side.buckets[at]);
      if (out_bucket->lower > 0 && out_bucket->lower < threshold) {
        out_bucket->lower = threshold;
      } else if (out_bucket->upper < 0 && out_bucket->upper > -threshold) {
        out_bucket->upper = -threshold;
      }
      return true;
    }
    walk->state = WALK_END;
  }
  return false;
}

double tsdb_histogram_quantile(const tsdb_histogram_view *histogram, double phi, uint32_t *seen) {
  if (phi < 0) return (double)-INFINITY;
  if (phi > 1) return (double)INFINITY;
  if (histogram->count == 0 || isnan(phi)) return (double)NAN;
  bool is_custom = tsdb_histogram_is_custom(histogram), has_nan = isnan(histogram->sum);
  // The nearer end is walked from, unless observations of NaN, which are in no bucket, make the upper end unknown.
  bool is_ascending = has_nan || phi < 0.5;
  double rank = is_ascending ? phi * histogram->count : (1 - phi) * histogram->count;
  tsdb_histogram_walk walk;
  tsdb_histogram_walk_start(histogram, !is_ascending, &walk);
  tsdb_histogram_bucket bucket = {0, 0, 0, false, false};
  double count = 0;
  while (tsdb_histogram_walk_next(histogram, &walk, &bucket)) {
    if (bucket.count == 0) continue;
    count += bucket.count;
    if (count >= rank) break;
  }
  if (!is_custom && bucket.lower < 0 && bucket.upper > 0) {
    // The zero bucket of a histogram of one sign ends at 0.
    if (histogram->negative_bucket_count == 0 && histogram->positive_bucket_count > 0) {
      bucket.lower = 0;
    } else if (histogram->positive_bucket_count == 0 && histogram->negative_bucket_count > 0) {
      bucket.upper = 0;
    }
  } else if (is_custom) {
    if (bucket.lower == (double)-INFINITY) {
      if (bucket.upper <= 0) return bucket.upper;
      bucket.lower = 0;
    } else if (bucket.upper == (double)INFINITY) {
      return bucket.lower;
    }
  }
  if (count > histogram->count) count = histogram->count;
  if (count < rank) {
    if (!has_nan) return bucket.upper;
    *seen |= TSDB_HISTOGRAM_SEEN_NAN_RESULT;
    return (double)NAN;
  }
  rank = is_ascending ? rank - (count - bucket.count) : count - rank;
  if (has_nan) {
    tsdb_histogram_bucket further;
    tsdb_histogram_bucket last = bucket;
    while (tsdb_histogram_walk_next(histogram, &walk, &further)) {
      count += further.count;
      last = further;
    }
    if (count < histogram->count) *seen |= TSDB_HISTOGRAM_SEEN_NAN_SKEW;
    // The definition goes on with the bucket that it looked at last, whatever it was.
    bucket = last;
  }
  double fraction = rank / bucket.count;
  if (is_custom || (bucket.lower <= 0 && bucket.upper >= 0)) {
    return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  }
  double lower = log2(fabs(bucket.lower)), upper = log2(fabs(bucket.upper));
  if (bucket.lower > 0) return exp2(lower + (upper - lower) * fraction);
  return -exp2(upper + (lower - upper) * (1 - fraction));
}

/// Which part of a bucket lies below a value inside it.
static double fraction_below(const tsdb_histogram_bucket *bucket, double value, bool is_linear) {
  if (is_linear) return (value - bucket->lower) / (bucket->upper - bucket->lower);
  double lower = log2(fabs(bucket->lower)), upper = log2(fabs(bucket->upper)), at = log2(fabs(value));
  if (value > 0) return (at - lower) / (upper - lower);
  return 1 - (at - upper) / (lower - upper);
}

/// Observations up to a value in the bucket, `rank` being those below the bucket.
static double rank_in(const tsdb_histogram_bucket *bucket, double rank, double value, bool is_linear) {
  if (is_linear && bucket->lower == (double)-INFINITY) return bucket->count;
  return rank + bucket->count * fraction_below(bucket, value, is_linear);
}

double tsdb_histogram_fraction(const tsdb_histogram_view *histogram, double lower, double upper, uint32_t *seen) {
  if (histogram->count == 0 || isnan(lower) || isnan(upper)) return (double)NAN;
  if (lower >= upper) return 0;
  bool is_custom = tsdb_histogram_is_custom(histogram);
  double count = 0, rank = 0, lower_rank = 0, upper_rank = 0;
  bool has_lower = false, has_upper = false;
  tsdb_histogram_walk walk;
  tsdb_histogram_walk_start(histogram, false, &walk);
  tsdb_histogram_bucket bucket;
  while (tsdb_histogram_walk_next(histogram, &walk, &bucket)) {
    count += bucket.count;
    bool is_zero = bucket.lower <= 0 && bucket.upper >= 0;
    if (is_zero && histogram->negative_bucket_count == 0 && histogram->positive_bucket_count > 0) {
      bucket.lower = 0;
    } else if (is_zero && histogram->positive_bucket_count == 0 && histogram->negative_bucket_count > 0) {
      bucket.upper = 0;
    }
    if (!has_lower && bucket.lower >= lower) lower_rank = rank, has_lower = true;
    if (!has_upper && bucket.lower >= upper) upper_rank = rank, has_upper = true;
    if (has_lower && has_upper) break;
    if (!has_lower && bucket.lower < lower && bucket.upper > lower) {
      lower_rank = rank_in(&bucket, rank, lower, is_custom || is_zero);
      has_lower = true;
    }
    if (!has_upper && bucket.lower < upper && bucket.upper > upper) {
      upper_rank = rank_in(&bucket, rank, upper, is_custom || is_zero);
      has_upper = true;
    }
    if (has_lower && has_upper) break;
    rank += bucket.count;
  }
  if (isnan(histogram->sum)) {
    while (tsdb_histogram_walk_next(histogram, &walk, &bucket)) count += bucket.count;
    if (count < histogram->count) *seen |= TSDB_HISTOGRAM_SEEN_NAN_SKEW;
  } else {
    count = histogram->count;
  }
  if (!has_lower || lower_rank > count) lower_rank = count;
  if (!has_upper || upper_rank > count) upper_rank = count;
  return (upper_rank - lower_rank) / histogram->count;
}

double tsdb_histogram_average(const tsdb_histogram_view *histogram) { return histogram->sum / histogram->count; }

double tsdb_histogram_variance(const tsdb_histogram_view *histogram) {
  double mean = histogram->sum / histogram->count, variance = 0, rest = 0;
  tsdb_histogram_walk walk;
  tsdb_histogram_walk_start(histogram, false, &walk);
  tsdb_histogram_bucket bucket;
  while (tsdb_histogram_walk_next(histogram, &walk, &bucket)) {
    if (bucket.count == 0) continue;
    double middle;
    if (tsdb_histogram_is_custom(histogram)) {
      middle = (bucket.upper + bucket.lower) / 2.0;
    } else if (bucket.lower <= 0 && bucket.upper >= 0) {
      middle = 0;
    } else {
      middle = sqrt(bucket.upper * bucket.lower);
      if (bucket.upper < 0) middle = -middle;
    }
    double delta = middle - mean;
    kahan_add(bucket.count * delta * delta, &variance, &rest);
  }
  return (variance + rest) / histogram->count;
}

// ---- Trimming ------------------------------------------------------------------------------------------------------

/// Where the observations of what is left of a bucket are taken to be.
static double middle_of(double lower, double upper, bool is_negative, bool is_linear) {
  if (isinf(lower)) {
    if (isinf(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (isinf(upper)) return lower;
  if (is_linear) return (lower + upper) / 2;
  double mean = sqrt(fabs(lower * upper));
  return is_negative ? -mean : mean;
}

static double zero_if_infinite(double value) { return isinf(value) ? 0 : value; }

/// What is kept of a bucket that the bound cuts and that has no end on one side.
static double keep_of_endless(const tsdb_histogram_bucket *bucket, double bound, bool is_upper, double *out_middle) {
  double lower = bucket->lower, upper = bucket->upper;
  if (lower == (double)-INFINITY) {
    if (is_upper) {
      *out_middle = 0;
      if (bound >= upper) return bucket->count;
      if (bound > 0 && upper > 0 && upper != (double)INFINITY) {
        *out_middle = bound / 2;
        return bucket->count * bound / upper;
      }
      *out_middle = upper <= 0 ? bound : zero_if_infinite(upper);
      return upper <= 0 ? bucket->count : 0;
    }
    *out_middle = 0;
    if (bound <= lower) return bucket->count;
    if (bound >= 0 && upper > bound && upper != (double)INFINITY) {
      *out_middle = (bound + upper) / 2;
      return bucket->count * (1 - bound / upper);
    }
    *out_middle = zero_if_infinite(upper);
    return 0;
  }
  if (!is_upper && bound >= lower) {
    *out_middle = bound;
    return bucket->count;
  }
  *out_middle = zero_if_infinite(lower);
  return 0;
}

/// What is kept of a bucket, and where that is taken to be. Buckets outside keep nothing, buckets inside keep all.
static double keep_of_bucket(const tsdb_histogram_bucket *bucket, double bound, bool is_upper, bool is_negative,
                             bool is_custom, double *out_middle) {
  double lower = bucket->lower, upper = bucket->upper;
  *out_middle = 0;
  if (is_upper ? upper <= bound : lower >= bound) {
    *out_middle = middle_of(lower, upper, is_negative, is_custom);
    return bucket->count;
  }
  if (!(is_upper ? lower < bound : upper > bound)) return 0;
  if (lower == (double)-INFINITY || upper == (double)INFINITY) {
    return keep_of_endless(bucket, bound, is_upper, out_middle);
  }
  double below = bound <= lower   ? 0
                 : bound >= upper ? bucket->count
                                  : bucket->count * fraction_below(bucket, bound, is_custom);
  *out_middle = is_upper ? middle_of(lower, bound, is_negative, is_custom) : middle_of(bound, upper, is_negative, is_custom);
  return is_upper ? below : bucket->count - below;
}

static double keep_of_zero(const tsdb_histogram_view *view, double bound, bool is_upper, bool has_negative,
                           bool has_positive, double *out_middle) {
  double lower = -view->zero_threshold, upper = view->zero_threshold;
  if (has_negative && !has_positive) upper = 0;
  if (has_positive && !has_negative) lower = 0;
  *out_middle = 0;
  if (is_upper) {
    if (bound <= lower) return 0;
    *out_middle = bound >= upper ? (lower + upper) / 2 : (lower + bound) / 2;
    return bound >= upper ? view->zero_count : view->zero_count * ((bound - lower) / (upper - lower));
  }
  if (bound <= lower) {
    *out_middle = (lower + upper) / 2;
    return view->zero_count;
  }
  if (bound >= upper) return 0;
  *out_middle = (bound + upper) / 2;
  return view->zero_count * ((upper - bound) / (upper - lower));
}

tsdb_status tsdb_histogram_trim(const tsdb_histogram_view *source, double bound, bool is_upper,
                                tsdb_histogram_result *out) {
  bool is_custom = tsdb_histogram_is_custom(source), is_trimmed = false;
  bool has_side[2] = {false, false};
  double count = 0, sum = 0, middle;
  tsdb_status status = tsdb_histogram_copy(source, out);
  if (status != TSDB_OK) return status;
  for (int negative = 0; negative < 2; negative++) {
    histogram_side side = side_of(source, negative == 1);
    side_walk walk = {0, 0, 0, 0};
    int64_t index;
    uint32_t at;
    while (side_next(&side, &walk, &index, &at)) {
      if (side.buckets[at] == 0) continue;
      has_side[negative] = true;
      tsdb_histogram_bucket bucket = bucket_at(source, negative == 1, index, side.buckets[at]);
      double keep = keep_of_bucket(&bucket, bound, is_upper, negative == 1, is_custom, &middle);
      bool is_outside = !(is_upper ? bucket.lower < bound : bucket.upper > bound);
      if (is_outside && !(is_upper ? bucket.upper <= bound : bucket.lower >= bound)) {
        is_trimmed = true;
        continue;
      }
      count += keep;
      sum += middle * keep;
      if (keep != side.buckets[at]) is_trimmed = true;
    }
  }
  double zero = source->zero_count;
  if (source->zero_count > 0) {
    zero = keep_of_zero(source, bound, is_upper, has_side[1], has_side[0], &middle);
    if (zero != source->zero_count) is_trimmed = true;
    sum += middle * zero;
    count += zero;
  }
  if (!is_trimmed) return TSDB_OK;
  // A second pass writes what is left, without empty buckets.
  side_writer writers[2];
  for (int negative = 0; negative < 2; negative++) {
    writers[negative] = negative == 0 ? writer_of_positive(out) : writer_behind(&writers[0]);
    histogram_side side = side_of(source, negative == 1);
    side_walk walk = {0, 0, 0, 0};
    int64_t index;
    uint32_t at;
    while (side_next(&side, &walk, &index, &at)) {
      if (side.buckets[at] == 0) continue;
      tsdb_histogram_bucket bucket = bucket_at(source, negative == 1, index, side.buckets[at]);
      double keep = keep_of_bucket(&bucket, bound, is_upper, negative == 1, is_custom, &middle);
      if (keep == 0) continue;
      status = side_append(&writers[negative], index, keep, 0);
      if (status != TSDB_OK) return status;
    }
  }
  writers_end(&writers[0], &writers[1]);
  out->value.zero_count = zero;
  out->value.count = count;
  out->value.sum = sum;
  return custom_values_write(out, source->custom_values, source->custom_value_count);
}

// ---- Classic histograms --------------------------------------------------------------------------------------------

static void classic_sift_down(tsdb_classic_bucket *buckets, size_t root, size_t count) {
  for (;;) {
    size_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && buckets[child].upper_bound < buckets[child + 1].upper_bound) child++;
    if (!(buckets[root].upper_bound < buckets[child].upper_bound)) return;
    tsdb_classic_bucket kept = buckets[root];
    buckets[root] = buckets[child];
    buckets[child] = kept;
    root = child;
  }
}

/// Sorts by bound, unless that is so already, as it mostly is; adds up those of one bound. Returns how many are left.
static size_t classic_sort(tsdb_classic_bucket *buckets, size_t count) {
  size_t ascending = 1;
  while (ascending < count && !(buckets[ascending].upper_bound < buckets[ascending - 1].upper_bound)) ascending++;
  if (ascending < count) {
    for (size_t root = count / 2; root-- > 0;) classic_sift_down(buckets, root, count);
    for (size_t end = count; end-- > 1;) {
      tsdb_classic_bucket kept = buckets[0];
      buckets[0] = buckets[end];
      buckets[end] = kept;
      classic_sift_down(buckets, 0, end);
    }
  }
  size_t kept = 0;
  for (size_t i = 1; i < count; i++) {
    if (buckets[i].upper_bound == buckets[kept].upper_bound) {
      buckets[kept].count += buckets[i].count;
    } else {
      buckets[++kept] = buckets[i];
    }
  }
  return kept + 1;
}

/// Whether two counts differ by no more than arithmetic makes them differ.
static bool is_nearly_equal(double a, double b) {
  const double tolerance = 1e-12, smallest_normal = 0x1p-1022, largest = 0x1.fffffffffffffp+1023;
  bool is_a_absent = tsdb_is_absent(a), is_b_absent = tsdb_is_absent(b);
  if (is_a_absent || is_b_absent) return is_a_absent && is_b_absent;
  if ((isnan(a) && isnan(b)) || a == b) return true;
  double sum = fabs(a) + fabs(b), difference = fabs(a - b);
  if (a == 0 || b == 0 || sum < smallest_normal) return difference < tolerance * smallest_normal;
  return difference / (sum < largest ? sum : largest) < tolerance;
}

/// Takes decreases out of the counts; small ones, which are arithmetic's, silently.
static void classic_repair(tsdb_classic_bucket *buckets, size_t count, tsdb_classic_repair *repair) {
  double highest = buckets[0].count;
  for (size_t i = 1; i < count; i++) {
    double current = buckets[i].count;
    if (current == highest) continue;
    if (is_nearly_equal(highest, current)) {
      buckets[i].count = highest;
    } else if (current < highest) {
      double bound = buckets[i].upper_bound, difference = highest - current;
      buckets[i].count = highest;
      if (!repair->is_forced || bound < repair->bound_min) repair->bound_min = bound;
      if (!repair->is_forced || bound > repair->bound_max) repair->bound_max = bound;
      if (difference > repair->difference_max) repair->difference_max = difference;
      repair->is_forced = true;
    } else {
      highest = current;
    }
  }
}

double tsdb_classic_quantile(tsdb_classic_bucket *buckets, size_t count, double phi, tsdb_classic_repair *out_repair) {
  *out_repair = (tsdb_classic_repair){false, 0, 0, 0};
  if (count == 0 || isnan(phi)) return (double)NAN;
  if (phi < 0) return (double)-INFINITY;
  if (phi > 1) return (double)INFINITY;
  count = classic_sort(buckets, count);
  if (buckets[count - 1].upper_bound != (double)INFINITY) return (double)NAN;
  classic_repair(buckets, count, out_repair);
  if (count < 2) return (double)NAN;
  double observations = buckets[count - 1].count;
  if (observations == 0) return (double)NAN;
  double rank = phi * observations;
  // The first bucket whose count reaches the rank, or the last one.
  size_t low = 0, high = count - 1;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (buckets[middle].count >= rank) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == count - 1) return buckets[count - 2].upper_bound;
  if (low == 0 && buckets[0].upper_bound <= 0) return buckets[0].upper_bound;
  double begin = 0, end = buckets[low].upper_bound, inside = buckets[low].count;
  if (low > 0) {
    begin = buckets[low - 1].upper_bound;
    inside -= buckets[low - 1].count;
    rank -= buckets[low - 1].count;
  }
  return begin + (end - begin) * (rank / inside);
}

double tsdb_classic_fraction(tsdb_classic_bucket *buckets, size_t count, double lower, double upper) {
  if (count == 0) return (double)NAN;
  count = classic_sort(buckets, count);
  if (buckets[count - 1].upper_bound != (double)INFINITY) return (double)NAN;
  double observations = buckets[count - 1].count;
  if (observations == 0 || isnan(lower) || isnan(upper)) return (double)NAN;
  if (lower >= upper) return 0;
  double rank = 0, lower_rank = 0, upper_rank = 0;
  bool has_lower = false, has_upper = false;
  double begin = buckets[0].upper_bound <= 0 ? (double)-INFINITY : 0;
  for (size_t i = 0; i < count; i++) {
    double end = buckets[i].upper_bound, inside = buckets[i].count - rank;
    if (!has_lower && begin >= lower) lower_rank = rank, has_lower = true;
    if (!has_upper && begin >= upper) upper_rank = rank, has_upper = true;
    if (has_lower && has_upper) break;
    bool is_endless = begin == (double)-INFINITY;
    if (!has_lower && begin < lower && end > lower) {
      lower_rank = is_endless ? buckets[i].count : rank + inside * (lower - begin) / (end - begin);
      has_lower = true;
    }
    if (!has_upper && begin < upper && end > upper) {
      upper_rank = is_endless ? buckets[i].count : rank + inside * (upper - begin) / (end - begin);
      has_upper = true;
    }
    if (has_lower && has_upper) break;
    rank = buckets[i].count;
    begin = end;
  }
  if (!has_lower || lower_rank > observations) lower_rank = observations;
  if (!has_upper || upper_rank > observations) upper_rank = observations;
  return (upper_rank - lower_rank) / observations;
}
