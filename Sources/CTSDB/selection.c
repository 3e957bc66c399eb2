// Selection by partitioning, with a heap sort where partitions keep going wrong, so that no data makes it quadratic.
#include "tsdb/selection.h"

#include <math.h>

#include "tsdb/bytes.h"

static inline void swap(double *a, double *b) {
  double kept = *a;
  *a = *b;
  *b = kept;
}

static void sift_down(double *values, size_t root, size_t count) {
  for (;;) {
    size_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && values[child] < values[child + 1]) child++;
    if (!(values[root] < values[child])) return;
    swap(&values[root], &values[child]);
    root = child;
  }
}

static void heap_sort(double *values, size_t count) {
  for (size_t root = count / 2; root-- > 0;) sift_down(values, root, count);
  for (size_t end = count; end-- > 1;) {
    swap(&values[0], &values[end]);
    sift_down(values, 0, end);
  }
}

/// Moves the value of rank `rank` to values[rank], smaller ones before it, larger ones behind it. There are no NaNs.
static void select_rank(double *values, size_t count, size_t rank) {
  size_t low = 0, high = count;  // the rank lies in [low, high)
  unsigned patience = 2;
  for (size_t n = count; n > 0; n /= 2) patience += 2;
  while (high - low > 16) {
    if (patience-- == 0) {
      heap_sort(values + low, high - low);
      return;
    }
    size_t middle = low + (high - low) / 2;
    if (values[middle] < values[low]) swap(&values[middle], &values[low]);
    if (values[high - 1] < values[low]) swap(&values[high - 1], &values[low]);
    if (values[high - 1] < values[middle]) swap(&values[high - 1], &values[middle]);
    double pivot = values[middle];
    // Three parts, so that many equal values end at once: [low, less) below, [less, more) equal, [more, high) above.
    size_t less = low, at = low, more = high;
    while (at < more) {
      if (values[at] < pivot) {
        swap(&values[at++], &values[less++]);
      } else if (pivot < values[at]) {
        swap(&values[at], &values[--more]);
      } else {
        at++;
      }
    }
    if (rank < less) {
      high = less;
    } else if (rank >= more) {
      low = more;
    } else {
      return;
    }
  }
  for (size_t i = low + 1; i < high; i++) {
    double value = values[i];
    size_t at = i;
    for (; at > low && value < values[at - 1]; at--) values[at] = values[at - 1];
    values[at] = value;
  }
}

double tsdb_quantile_of(double *values, size_t count, double phi) {
  if (count == 0 || isnan(phi)) return (double)NAN;
  if (phi < 0) return (double)-INFINITY;
  if (phi > 1) return (double)INFINITY;
  double rank = phi * (double)(count - 1);
  double below = floor(rank);
  size_t lower = (size_t)below;
  if (lower > count - 1) lower = count - 1;
  size_t upper = lower + 1 < count ? lower + 1 : count - 1;
  double weight = rank - below;
  // NaNs to the front: they are the smallest.
  size_t nan_count = 0;
  for (size_t i = 0; i < count; i++) {
    if (isnan(values[i])) swap(&values[i], &values[nan_count++]);
  }
  double lower_value = (double)NAN, upper_value = (double)NAN;
  if (lower >= nan_count) {
    select_rank(values + nan_count, count - nan_count, lower - nan_count);
    lower_value = values[lower];
  } else if (upper >= nan_count) {
    select_rank(values + nan_count, count - nan_count, 0);
  }
  if (upper >= nan_count) {
    upper_value = values[upper];
    // Behind the rank that was selected all are as large or larger: the next one is the smallest of them.
    for (size_t i = upper + 1; upper > lower && lower >= nan_count && i < count; i++) {
      if (values[i] < upper_value) upper_value = values[i];
    }
  }
  return lower_value * (1 - weight) + upper_value * weight;
}

void tsdb_sort_values(double *values, size_t count) { heap_sort(values, count); }
