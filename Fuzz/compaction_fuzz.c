// Merging and thinning out: any bytes as symbol tables are merged or refused; any times and values, ascending or not, come to an end,
// and of ascending ones what comes out ascends, is within what went in, and is the same however little room a call has.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "tsdb/chunk_clusters.h"
#include "tsdb/downsample.h"
#include "tsdb/replica_penalty.h"
#include "tsdb/replica_seamless.h"
#include "tsdb/sample_chain.h"
#include "tsdb/symbols_merge.h"

/// Three tables of a third of the bytes each.
static void symbols(const uint8_t *data, size_t size) {
  enum { COUNT = 3 };
  tsdb_symbols_source sources[COUNT] = {{0}};
  uint32_t heap[COUNT];
  size_t total = 0;
  for (size_t index = 0; index < COUNT; index++) {
    size_t start = size * index / COUNT, end = size * (index + 1) / COUNT;
    uint8_t *content = exactly(end - start);
    if (end > start) memcpy(content, data + start, end - start);
    sources[index].content = content;
    sources[index].content_size = end - start;
    sources[index].count = (uint32_t)(end - start) / 2;
    sources[index].translation = exactly(sources[index].count * sizeof(uint32_t));
    total += sources[index].count;
  }
  tsdb_symbols_merge merge = {.sources = sources, .source_count = COUNT, .heap = heap};
  tsdb_symbol_view views[5];
  size_t count = 0, merged = 0;
  if (tsdb_symbols_merge_init(&merge) == TSDB_OK) {
    while (tsdb_symbols_merge_run(&merge, views, 5, &count) == TSDB_OK && count > 0) merged += count;
    CHECK(merged <= total);
  }
  for (size_t index = 0; index < COUNT; index++) {
    free((void *)sources[index].content);
    free(sources[index].translation);
  }
}

typedef struct samples {
  int64_t *times;
  double *values;
  size_t count;
} samples;

static int compare_times(const void *a, const void *b) {
  int64_t left, right;
  memcpy(&left, a, sizeof left);
  memcpy(&right, b, sizeof right);
  return left < right ? -1 : left > right;
}

/// Times of 1, 2 or 8 bytes each; sorted and each once, if wanted.
static samples take(const uint8_t *data, size_t size, unsigned width, int is_ascending) {
  samples result = {exactly(size / width * 8 + 8), exactly(size / width * 8 + 8), size / width};
  for (size_t index = 0; index < result.count; index++) {
    uint64_t raw = 0;
    memcpy(&raw, data + index * width, width);
    result.times[index] = (int64_t)(width == 8 ? raw : raw * 1000);
    uint64_t bits = raw * 0x9E3779B97F4A7C15u;
    if (width == 8) memcpy(&result.values[index], &bits, sizeof bits);
    else result.values[index] = (double)raw;
  }
  if (is_ascending && result.count > 0) {
    qsort(result.times, result.count, 8, compare_times);
    size_t kept = 1;
    for (size_t index = 1; index < result.count; index++)
      if (result.times[index] != result.times[kept - 1]) result.times[kept++] = result.times[index];
    result.count = kept;
  }
  return result;
}

/// Each sample once, in order, of one of the lists.
static void seamless(const tsdb_seamless_list *a, const tsdb_seamless_list *b, bool is_counter, size_t capacity, int is_ascending) {
  tsdb_seamless_run runs[8];
  tsdb_seamless state;
  size_t count, taken = 0;
  int64_t last = INT64_MIN;
  tsdb_seamless_init(&state, is_counter);
  do {
    count = tsdb_seamless_run_lists(&state, a, b, runs, capacity);
    for (size_t index = 0; index < count; index++) {
      tsdb_sample_run run = runs[index].run;
      const tsdb_seamless_list *source = run.list == 0 ? a : b;
      CHECK(run.count > 0 && (size_t)run.first + run.count <= source->count);
      if (is_ascending) CHECK(taken == 0 || source->timestamps_ms[run.first] > last);
      last = source->timestamps_ms[run.first + run.count - 1];
      taken += run.count;
    }
  } while (count == capacity);
  CHECK(taken <= a->count + b->count && (a->count + b->count == 0 || taken > 0 || a->histograms != NULL));
}

/// The same of histograms, whose layouts, counts and hints are made of the values' bits.
static void seamless_histograms(const samples *a, const samples *b, size_t capacity, int is_ascending) {
  enum { LAYOUTS = 4, BUCKETS = 3 };
  static const tsdb_histogram_span spans[LAYOUTS][2] = {{{0, 2}, {1, 1}}, {{INT32_MAX, 3}, {INT32_MAX, 0}}, {{-1, 1}, {0, 2}}, {{0, 9}, {0, 9}}};
  static const int32_t schemas[] = {3, 0, TSDB_HISTOGRAM_SCHEMA_CUSTOM, 8};
  static const double bounds[] = {1, 2, 3};
  size_t total = a->count + b->count;
  tsdb_histogram_view *views = exactly(total * sizeof *views);
  double *buckets = exactly(total * BUCKETS * sizeof *buckets);
  int32_t *histograms = exactly(total * 4), *limits = exactly(total * 4);
  uint8_t *falls = exactly(total);
  for (size_t index = 0; index < total; index++) {
    double value = index < a->count ? a->values[index] : b->values[index - a->count];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    unsigned layout = bits % LAYOUTS;
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) buckets[index * BUCKETS + bucket] = (double)(bits >> (8 * bucket) & 0xFF);
    histograms[index] = bits >> 32 & 8 ? -1 : (int32_t)index;
    limits[index] = bits >> 32 & 16 ? 1 : TSDB_SEAMLESS_OWN_SCHEMA;
    views[index] = (tsdb_histogram_view){.schema = schemas[layout], .reset_hint = bits >> 34 & 3, .zero_threshold = (double)(bits >> 40 & 1),
                                         .count = (double)(bits & 0xFFFF), .sum = bits >> 41 & 1 ? value : tsdb_absent(),
                                         .positive_spans = spans[layout], .positive_span_count = 2,
                                         .positive_buckets = buckets + index * BUCKETS, .positive_bucket_count = BUCKETS,
                                         .custom_values = layout == 2 ? bounds : NULL, .custom_value_count = layout == 2 ? 3 : 0};
  }
  tsdb_seamless_list first = {a->times, a->values, a->count, views, histograms, limits, falls};
  tsdb_seamless_list second = {b->times, b->values, b->count, views, histograms + a->count, limits + a->count, falls + a->count};
  tsdb_seamless_falls(&first, falls);
  tsdb_seamless_falls(&second, falls + a->count);
  seamless(&first, &second, false, capacity, is_ascending);
  free(views), free(buckets), free(histograms), free(limits), free(falls);
}

static void replicas(const samples *a, const samples *b, int is_ascending) {
  size_t total = a->count + b->count;
  for (size_t capacity = 1; capacity < 6; capacity += 4) {
    tsdb_sample_list left = {a->times, a->count, 0}, right = {b->times, b->count, 0}, lists[2] = {left, right};
    tsdb_sample_run runs[8];
    uint32_t heap[2];
    size_t count = 0, taken = 0;
    int64_t last = INT64_MIN;
    tsdb_sample_chain chain = {.lists = lists, .list_count = 2, .heap = heap};
    tsdb_sample_chain_init(&chain);
    do {
      tsdb_sample_chain_run(&chain, runs, capacity, &count);
      for (size_t index = 0; index < count; index++) taken += runs[index].count;
    } while (count > 0);
    CHECK(taken <= total);

    tsdb_penalty penalty;
    tsdb_penalty_init(&penalty);
    taken = 0;
    do {
      count = tsdb_penalty_run(&penalty, &left, true, &right, true, runs, capacity);
      for (size_t index = 0; index < count; index++) {
        CHECK(runs[index].count > 0);
        const samples *source = runs[index].list == 0 ? a : b;
        CHECK((size_t)runs[index].first + runs[index].count <= source->count);
        CHECK(taken == 0 || source->times[runs[index].first] > last);
        last = source->times[runs[index].first + runs[index].count - 1];
        taken += runs[index].count;
      }
    } while (count == capacity);
    CHECK(taken <= total && (total == 0 || taken > 0));

    for (int is_counter = 0; is_counter < 2; is_counter++) {
      tsdb_seamless_list first = {.timestamps_ms = a->times, .values = a->values, .count = a->count};
      tsdb_seamless_list second = {.timestamps_ms = b->times, .values = b->values, .count = b->count};
      seamless(&first, &second, is_counter != 0, capacity, is_ascending);
    }
    seamless_histograms(a, b, capacity, is_ascending);
  }
}

static void fold(const samples *a, const samples *b) {
  size_t total = a->count + b->count;
  tsdb_penalty_column column = {exactly(total * 8), exactly(total * 4), exactly(total * 8), 0};
  int64_t *scratch = exactly(total * 8);
  uint32_t *rows = exactly(total * 4);
  tsdb_penalty_fold(&column, a->times, a->count, 0, scratch, rows);
  tsdb_penalty_fold(&column, b->times, b->count, (uint32_t)a->count, scratch, rows);
  CHECK(column.count <= total);
  for (size_t index = 0; index < column.count; index++) CHECK(column.rows[index] < total);
  free(column.timestamps_ms), free(column.rows), free(column.skips_ms), free(scratch), free(rows);
}

static void thin_out(samples *a) {
  a->count = tsdb_downsample_sanitize(a->times, a->values, a->count);
  a->count = tsdb_nan_remove(a->times, a->values, a->count);
  if (a->count == 0) return;
  int64_t first = a->times[0], last = a->times[a->count - 1];
  CHECK(tsdb_downsample_chunk_count(first, last, 60000, 300000, a->count) >= 1);
  size_t bound = tsdb_downsample_bound(first, last, a->count, 300000);
  double *columns[5];
  for (int index = 0; index < 5; index++) columns[index] = exactly(bound * 8);
  tsdb_downsample_points points = {exactly(bound * 8), columns[0], columns[1], columns[2], columns[3], columns[4]};
  size_t count = tsdb_downsample_floats(a->times, a->values, a->count, 300000, &points);
  CHECK(count >= 1 && count <= bound);
  size_t capacity = tsdb_downsample_chunk_bound(count), size = 0;
  uint8_t *scratch = exactly(capacity + 64), *dst = exactly(capacity);
  tsdb_downsample_chunk_write(&points, count, first, a->values[0], a->values[a->count - 1], scratch, capacity + 64, dst,
                              capacity, &size);
  for (int index = 0; index < 5; index++) free(columns[index]);
  free(points.timestamps_ms), free(scratch), free(dst);
}

/// Chunks of any times in two lists.
static void clusters(const samples *a, const samples *b) {
  size_t count_a = a->count / 2, count_b = b->count / 2, taken = 0, found = 0;
  const uint8_t **data = exactly((count_a + count_b) * sizeof *data);
  uint32_t *sizes = exactly((count_a + count_b) * sizeof *sizes);
  for (size_t index = 0; index < count_a + count_b; index++) data[index] = NULL, sizes[index] = 0;
  tsdb_chunk_list lists[3] = {{a->times, a->times + count_a, data, sizes, count_a, 0},
                              {b->times, b->times + count_b, data, sizes, count_b, 0}};
  uint32_t heap[3], order[2];
  tsdb_chunk_lists_are_apart(lists, 2, order);
  tsdb_chunk_clusters merge = {.lists = lists, .list_count = 2, .heap = heap};
  tsdb_chunk_place *places = exactly((count_a + count_b) * sizeof *places + 8);
  tsdb_clusters_init(&merge);
  while (tsdb_clusters_next(&merge, places, count_a + count_b, &found) == TSDB_OK && found > 0) taken += found;
  CHECK(taken + merge.dropped_count == count_a + count_b);
  free(data), free(sizes), free(places);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  static const unsigned widths[] = {1, 2, 8};
  unsigned width = widths[data[0] % 3];
  int is_ascending = data[0] & 0x80 ? 1 : 0;
  size_t middle = 1 + (size_t)data[1] * (size - 1) / 256;
  symbols(data, size);
  samples a = take(data + 1, middle - 1, width, is_ascending), b = take(data + middle, size - middle, width, is_ascending);
  replicas(&a, &b, is_ascending);
  fold(&a, &b);
  clusters(&a, &b);
  thin_out(&a);
  free(a.times), free(a.values), free(b.times), free(b.values);
  return 0;
}
