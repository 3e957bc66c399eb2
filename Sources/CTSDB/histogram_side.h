// One side of a histogram, read bucket by bucket and written bucket by bucket. Internal to the core.
#ifndef CTSDB_HISTOGRAM_SIDE_H
#define CTSDB_HISTOGRAM_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tsdb/histogram_math.h"
#include "window_walk.h"

/// The buckets of one sign; rests or NULL.
typedef struct histogram_side {
  const tsdb_histogram_span *spans;
  const double *buckets;
  const double *rests;
  uint32_t span_count;
  uint32_t bucket_count;
  int32_t schema;
} histogram_side;

static inline histogram_side side_of(const tsdb_histogram_view *view, bool is_negative) {
  if (is_negative) {
    return (histogram_side){view->negative_spans, view->negative_buckets, NULL, view->negative_span_count,
                            view->negative_bucket_count, view->schema};
  }
  return (histogram_side){view->positive_spans, view->positive_buckets, NULL, view->positive_span_count,
                          view->positive_bucket_count, view->schema};
}

static inline bool is_exponential(int32_t schema) { return schema != TSDB_HISTOGRAM_SCHEMA_CUSTOM; }

/// Where a walk over a side is. Starts as zeroes.
typedef struct side_walk {
  uint32_t span;
  uint32_t in_span;
  uint32_t bucket;
  int64_t index;  ///< of the next bucket, before its span's offset if it is the span's first one
} side_walk;

/// The next bucket's index and its place among the counts. Ends with the spans or the counts, whichever is first.
static inline bool side_next(const histogram_side *side, side_walk *walk, int64_t *out_index, uint32_t *out_at) {
  while (walk->span < side->span_count) {
    tsdb_histogram_span span = side->spans[walk->span];
    if (walk->in_span == 0) walk->index += span.offset;
    if (span.length > 0) {
      if (walk->bucket >= side->bucket_count) return false;
      *out_index = walk->index++;
      *out_at = walk->bucket++;
      if (++walk->in_span == span.length) walk->span++, walk->in_span = 0;
      return true;
    }
    walk->span++;
  }
  return false;
}

/// A walk over a side at a coarser schema: buckets that fall together are added up.
typedef struct merged_walk {
  histogram_side side;
  side_walk walk;
  unsigned shift;       ///< how many times coarser, as a power of two
  bool is_compensated;  ///< added with compensation
  bool is_filtered;     ///< without empty buckets, and without those that reach below `inside`
  double inside;
  bool has_next;
  int64_t next_index;
  uint32_t next_at;
} merged_walk;

static inline void merged_step(merged_walk *merged) {
  int64_t index = 0;
  for (;;) {
    merged->has_next = side_next(&merged->side, &merged->walk, &index, &merged->next_at);
    if (!merged->has_next) return;
    if (!merged->is_filtered) break;
    const double *rests = merged->side.rests;
    bool is_empty = merged->side.buckets[merged->next_at] == 0 && (rests == NULL || rests[merged->next_at] == 0);
    if (!is_empty && !(tsdb_histogram_bound(index - 1, merged->side.schema, NULL, 0) < merged->inside)) break;
  }
  merged->next_index = ((index - 1) >> merged->shift) + 1;
}

static inline merged_walk merged_start(histogram_side side, int32_t schema, bool is_compensated, bool is_filtered,
                                       double inside) {
  int64_t shift = (int64_t)side.schema - schema;
  merged_walk merged = {
      side, {0, 0, 0, 0}, shift < 0 ? 0u : shift > 62 ? 62u : (unsigned)shift, is_compensated, is_filtered, inside, false, 0, 0};
  merged_step(&merged);
  return merged;
}

static inline bool merged_next(merged_walk *merged, int64_t *out_index, double *out_count, double *out_rest) {
  if (!merged->has_next) return false;
  const double *buckets = merged->side.buckets, *rests = merged->side.rests;
  int64_t index = merged->next_index;
  double count = buckets[merged->next_at], rest = rests == NULL ? 0 : rests[merged->next_at];
  merged_step(merged);
  while (merged->has_next && merged->next_index == index) {
    if (merged->is_compensated) {
      kahan_add(buckets[merged->next_at], &count, &rest);
      kahan_add(rests == NULL ? 0 : rests[merged->next_at], &count, &rest);
    } else {
      count += buckets[merged->next_at];
    }
    merged_step(merged);
  }
  *out_index = index, *out_count = count, *out_rest = rest;
  return true;
}

/// Where a side is being written: its spans and counts begin behind what the result holds already.
typedef struct side_writer {
  tsdb_histogram_result *result;
  size_t span_begin;
  size_t double_begin;
  uint32_t span_count;
  uint32_t bucket_count;
  int64_t next_index;  ///< index after the last bucket's
} side_writer;

/// Appends a bucket; indexes must ascend.
static inline tsdb_status side_append(side_writer *writer, int64_t index, double count, double rest) {
  tsdb_histogram_result *result = writer->result;
  size_t at = writer->double_begin + writer->bucket_count;
  if (at >= result->double_capacity) return TSDB_ERR_CAPACITY;
  if (writer->span_count > 0 && index == writer->next_index) {
    result->spans[writer->span_begin + writer->span_count - 1].length++;
  } else {
    int64_t offset = writer->span_count == 0 ? index : index - writer->next_index;
    if (offset < INT32_MIN || offset > INT32_MAX) return TSDB_ERR_MALFORMED;
    if (writer->span_begin + writer->span_count >= result->span_capacity) return TSDB_ERR_CAPACITY;
    result->spans[writer->span_begin + writer->span_count++] = (tsdb_histogram_span){(int32_t)offset, 1};
  }
  result->doubles[at] = count;
  result->rests[at] = rest;
  writer->bucket_count++;
  writer->next_index = index + 1;
  return TSDB_OK;
}

static inline side_writer writer_of_positive(tsdb_histogram_result *result) {
  return (side_writer){result, 0, 0, 0, 0, 0};
}

static inline side_writer writer_behind(const side_writer *positive) {
  return (side_writer){positive->result, positive->span_count, positive->bucket_count, 0, 0, 0};
}

/// Points the result's view at what the writers wrote. Custom values are left to the caller.
static inline void writers_end(const side_writer *positive, const side_writer *negative) {
  tsdb_histogram_result *result = positive->result;
  tsdb_histogram_view *value = &result->value;
  value->positive_spans = result->spans;
  value->positive_span_count = positive->span_count;
  value->positive_buckets = result->doubles;
  value->positive_bucket_count = positive->bucket_count;
  value->negative_span_count = negative->span_count;
  value->negative_spans = negative->span_count == 0 ? NULL : result->spans + negative->span_begin;
  value->negative_bucket_count = negative->bucket_count;
  value->negative_buckets = negative->bucket_count == 0 ? NULL : result->doubles + negative->double_begin;
  value->custom_values = NULL;
  value->custom_value_count = 0;
}

/// Writes custom bounds behind the buckets.
static inline tsdb_status custom_values_write(tsdb_histogram_result *result, const double *values, uint32_t count) {
  tsdb_histogram_view *value = &result->value;
  size_t at = (size_t)value->positive_bucket_count + value->negative_bucket_count;
  if (count == 0) return TSDB_OK;
  if (result->double_capacity - at < count) return TSDB_ERR_CAPACITY;
  for (uint32_t i = 0; i < count; i++) result->doubles[at + i] = values[i];
  value->custom_values = result->doubles + at;
  value->custom_value_count = count;
  return TSDB_OK;
}

/// The count of a wider zero bucket: buckets that reach into it are added, and it widens to the end of one that it cuts.
/// `inside`: buckets below this threshold are in zero_count already. *larger is the wanted threshold and then the one reached.
double histogram_zero_count(const tsdb_histogram_view *view, const double *positive_rests, const double *negative_rests,
                            double inside, double zero_count, double *rest, double *larger);

static inline bool custom_values_match(const tsdb_histogram_view *a, const tsdb_histogram_view *b) {
  if (a->custom_value_count != b->custom_value_count) return false;
  for (uint32_t i = 0; i < a->custom_value_count; i++) {
    if (a->custom_values[i] != b->custom_values[i]) return false;
  }
  return true;
}

#endif
