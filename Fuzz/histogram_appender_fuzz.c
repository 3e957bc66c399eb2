// Random samples into an appender, as the input's bytes tell: what the chunk decodes to is what was appended, bucket by
// bucket, whatever was recoded on the way; allocations that fail change nothing.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/histogram_appender.h"

enum { BUCKETS_MAX = 24, SAMPLES_MAX = 300 };

static void check(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "histogram_appender_fuzz: %s\n", what);
  abort();
}

typedef struct input {
  const uint8_t *data;
  size_t size, position;
  int fail_in;  ///< the allocation that fails, counted down; negative: none
  long live;    ///< bytes that are not given back
} input;

static uint8_t next(input *in) { return in->position < in->size ? in->data[in->position++] : 0; }

static void *allocate(void *context, size_t size) {
  input *in = context;
  if (in->fail_in >= 0 && in->fail_in-- == 0) return NULL;
  in->live += (long)size;
  return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
  ((input *)context)->live -= (long)size;
  free(memory);
}

/// What was appended: buckets by index, -12 … 11, of the positive and the negative side.
typedef struct model {
  int64_t timestamp_ms, start_timestamp_ms;
  double sum;
  uint64_t count, zero_count;
  int64_t buckets[2][BUCKETS_MAX];
} model;

static double number(bool is_float, int64_t value) { return is_float ? (double)value / 8 : (double)value; }

static void compare(uint8_t encoding, const tsdb_histogram_appender *appender, const model *models, size_t count) {
  size_t size;
  const uint8_t *bytes = tsdb_histogram_appender_bytes(appender, &size);
  uint8_t *copy = malloc(size);
  memcpy(copy, bytes, size);
  tsdb_histogram_layout layout;
  check(tsdb_histogram_layout_read(encoding, copy, size, &layout) == TSDB_OK, "layout");
  check(layout.sample_count == count, "sample count");
  size_t row_size = tsdb_histogram_row_bound(&layout), words = tsdb_histogram_scratch_bound(&layout);
  tsdb_histogram_span positive[2 * BUCKETS_MAX], negative[2 * BUCKETS_MAX];
  double bounds[4];
  check(tsdb_histogram_layout_arrays(&layout, copy, size, positive, negative, bounds) == TSDB_OK, "arrays");
  uint64_t *scratch = malloc(words * 8 + 8);
  double *buckets = malloc(row_size * 8 + 8);
  tsdb_histogram_cursor cursor = {0};
  for (size_t i = 0; i < count; i++) {
    int64_t t, st;
    double sum, c, z;
    tsdb_histogram_columns columns = {&t, &st, &sum, &c, &z, buckets, 1, 1};
    size_t n, rows;
    check(tsdb_histogram_decode(&layout, &cursor, copy, size, scratch, words, &columns, &n, &rows) == TSDB_OK, "decode");
    check(n == 1, "one sample");
    check(t == models[i].timestamp_ms, "timestamp");
    check(st == (layout.has_start_timestamps ? models[i].start_timestamp_ms : 0), "start timestamp");
    check(tsdb_bits_of_double(sum) == tsdb_bits_of_double(models[i].sum), "sum");
    bool is_stale = tsdb_bits_of_double(sum) == TSDB_STALE_NAN_BITS;
    check(rows == (is_stale ? 0u : 1u), "row");
    if (is_stale) continue;
    check(c == number(layout.is_float, (int64_t)models[i].count), "count");
    check(z == number(layout.is_float, (int64_t)models[i].zero_count), "zero count");
    double expected[2][BUCKETS_MAX];
    for (int side = 0; side < 2; side++) {
      for (int b = 0; b < BUCKETS_MAX; b++) expected[side][b] = number(layout.is_float, models[i].buckets[side][b]);
    }
    size_t place = 0;
    for (int side = 0; side < 2; side++) {
      const tsdb_histogram_span *spans = side == 0 ? positive : negative;
      uint32_t span_count = side == 0 ? layout.positive_span_count : layout.negative_span_count;
      int index = 12;
      for (uint32_t s = 0; s < span_count; s++) {
        index += spans[s].offset;
        for (uint32_t b = 0; b < spans[s].length; b++, index++) {
          check(buckets[place] == expected[side][index], "bucket");
          expected[side][index] = 0;
          place++;
        }
      }
      for (int b = 0; b < BUCKETS_MAX; b++) check(expected[side][b] == 0, "bucket lost");
    }
  }
  free(copy), free(scratch), free(buckets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t encodings[] = {2, 3, 5, 6};
  static model models[SAMPLES_MAX];
  input in = {data, size, 0, -1, 0};
  uint8_t encoding = encodings[next(&in) & 3];
  bool is_float = encoding == 3 || encoding == 6;
  tsdb_allocator allocator = {&in, allocate, release};
  tsdb_histogram_appender *appender = NULL;
  check(tsdb_histogram_appender_create(&allocator, encoding, &appender) == TSDB_OK, "create");
  model now = {.timestamp_ms = 1748736000000, .start_timestamp_ms = 0};
  size_t count = 0;
  bool present[2][BUCKETS_MAX] = {0};
  for (int step = 0; in.position < in.size && step < SAMPLES_MAX; step++) {
    uint8_t flags = next(&in);
    uint8_t hint = (flags & 3) == 3 ? TSDB_HISTOGRAM_GAUGE : (flags & 31) == 2 ? TSDB_HISTOGRAM_RESET : 0;
    now.timestamp_ms += 1 + ((int64_t)next(&in) << (flags >> 4));
    if ((flags & 0x0C) == 4) now.start_timestamp_ms = (flags & 0x80) != 0 ? 0 : now.timestamp_ms - next(&in);
    now.sum = (flags & 0x7C) == 0x7C ? tsdb_double_of_bits(TSDB_STALE_NAN_BITS) : (double)next(&in) / 3;
    now.zero_count += flags & 1;
    // Some buckets come, go and grow.
    for (int change = next(&in) & 7; change > 0; change--) {
      uint8_t which = next(&in), amount = next(&in);
      int side = which >> 7, bucket = (which & 0x7F) % BUCKETS_MAX;
      present[side][bucket] = (amount & 0xC0) != 0xC0;
      now.buckets[side][bucket] = present[side][bucket] ? now.buckets[side][bucket] + (int8_t)(amount << 2) / 4 : 0;
    }
    tsdb_histogram_span spans[2][BUCKETS_MAX + 2];
    uint32_t span_counts[2] = {0, 0};
    int64_t row[2 * BUCKETS_MAX];
    double doubles[2 * BUCKETS_MAX];
    size_t buckets = 0;
    now.count = now.zero_count;
    for (int side = 0; side < 2; side++) {
      int end = -12;
      for (int b = 0; b < BUCKETS_MAX; b++) {
        if (!present[side][b]) continue;
        int index = b - 12;
        uint32_t *used = &span_counts[side];
        if (*used != 0 && index == end && (flags & 8) == 0) {
          spans[side][*used - 1].length++;
        } else {
          spans[side][*used] = (tsdb_histogram_span){*used == 0 ? index : index - end, 1};
          ++*used;
        }
        end = index + 1;
        row[buckets] = now.buckets[side][b];
        doubles[buckets] = number(true, row[buckets]);
        now.count += (uint64_t)(row[buckets] < 0 ? 0 : row[buckets]);
        buckets++;
      }
    }
    tsdb_histogram_sample sample = {
      .timestamp_ms = now.timestamp_ms, .start_timestamp_ms = now.start_timestamp_ms, .schema = (flags & 0x70) == 0x70 ? 1 : 2,
      .reset_hint = hint, .zero_threshold = 0.001, .sum = now.sum, .count = now.count, .zero_count = now.zero_count,
      .count_double = number(true, (int64_t)now.count), .zero_count_double = number(true, (int64_t)now.zero_count),
      .positive_spans = spans[0], .negative_spans = spans[1], .positive_span_count = span_counts[0],
      .negative_span_count = span_counts[1], .int_buckets = is_float ? NULL : row, .buckets = is_float ? doubles : NULL,
      .bucket_count = buckets};
    in.fail_in = (flags & 0x11) == 0x11 ? next(&in) & 7 : -1;
    tsdb_histogram_append_result result;
    tsdb_status status = tsdb_histogram_appender_append(appender, &sample, &result);
    bool failed = in.fail_in < 0 && status != TSDB_OK;
    in.fail_in = -1;
    if (status != TSDB_OK) {
      check(failed && status == TSDB_ERR_MEMORY, "append");
      if (count != 0) compare(encoding, appender, models, count);
      check(tsdb_histogram_appender_append(appender, &sample, &result) == TSDB_OK, "append after a failure");
    }
    if (result.kind == TSDB_HISTOGRAM_REFUSED) {
      compare(encoding, appender, models, count);
      tsdb_histogram_appender_begin(appender, result.next_reset_header);
      count = 0;
      check(tsdb_histogram_appender_append(appender, &sample, &result) == TSDB_OK, "first append");
      check(result.kind == TSDB_HISTOGRAM_APPENDED, "first append is refused");
    }
    models[count++] = now;
    if (result.kind == TSDB_HISTOGRAM_RECODED || (step & 15) == 0) compare(encoding, appender, models, count);
  }
  if (count != 0) compare(encoding, appender, models, count);
  tsdb_histogram_appender_destroy(appender);
  check(in.live == 0, "leak");
  return 0;
}
