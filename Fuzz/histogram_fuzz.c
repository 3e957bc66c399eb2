// Any bytes as a histogram chunk of each encoding: an error or columns, whole and in batches of any size, never a crash.
// What decodes as integers must decode to the same numbers as doubles.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/histogram_chunk.h"

static void check(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "histogram_fuzz: %s\n", what);
  abort();
}

/// malloc(0) may give NULL, which would hide an access.
static void *take(size_t count, size_t size) {
  void *memory = calloc(count == 0 ? 1 : count, size);
  check(memory != NULL, "memory");
  return memory;
}

static void run(uint8_t encoding, const uint8_t *src, size_t src_size, size_t batch) {
  tsdb_histogram_layout layout;
  size_t validate_words = tsdb_histogram_validate_scratch_bound(encoding, src, src_size);
  uint64_t *validate_scratch = take(validate_words, 8);
  tsdb_histogram_defect defect;
  check(tsdb_histogram_validate(encoding, src, src_size, validate_scratch, validate_words, &defect) == TSDB_OK, "validate");
  check(tsdb_histogram_defect_text(defect.kind) != NULL, "text");
  free(validate_scratch);
  if (tsdb_histogram_layout_read(encoding, src, src_size, &layout) != TSDB_OK) return;
  size_t row_size = tsdb_histogram_row_bound(&layout), rows = tsdb_histogram_rows_bound(&layout, src_size);
  size_t words = tsdb_histogram_scratch_bound(&layout), samples = layout.sample_count;
  check(row_size * rows <= src_size * 8, "more buckets than bits");

  tsdb_histogram_span *positive = take(layout.positive_span_count, sizeof *positive);
  tsdb_histogram_span *negative = take(layout.negative_span_count, sizeof *negative);
  double *bounds = take(layout.custom_bound_count, sizeof *bounds);
  check(tsdb_histogram_layout_arrays(&layout, src, src_size, positive, negative, bounds) == TSDB_OK, "arrays");
  size_t span_buckets = 0;
  for (uint32_t i = 0; i < layout.positive_span_count; i++) span_buckets += positive[i].length;
  for (uint32_t i = 0; i < layout.negative_span_count; i++) span_buckets += negative[i].length;
  check(span_buckets == row_size, "spans and buckets");

  int64_t *timestamps = take(samples, 8), *starts = take(samples, 8);
  double *sums = take(samples, 8), *counts = take(samples, 8), *zeros = take(samples, 8);
  double *buckets = take(rows * row_size, 8);
  uint64_t *scratch = take(words, 8);
  tsdb_histogram_cursor cursor = {0};
  tsdb_histogram_columns all = {timestamps, starts, sums, counts, zeros, buckets, samples, rows};
  size_t count = 0, row_count = 0;
  tsdb_status status = tsdb_histogram_decode(&layout, &cursor, src, src_size, scratch, words, &all, &count, &row_count);
  check(row_count <= rows, "rows");
  if (status == TSDB_OK && count < samples) {
    // The header announces more samples than the bytes can hold: the rows ran out, and the next call says so.
    size_t more = 0, more_rows = 0;
    check(row_count == rows, "whole chunk");
    status = tsdb_histogram_decode(&layout, &cursor, src, src_size, scratch, words, &all, &more, &more_rows);
    check(status != TSDB_OK || more != 0, "progress");
    if (status == TSDB_OK) status = TSDB_ERR_TRUNCATED;
  }

  // The same in batches, exact-size buffers each.
  size_t done = 0, rows_done = 0;
  cursor = (tsdb_histogram_cursor){0};
  tsdb_status batched = TSDB_OK;
  while (batched == TSDB_OK && done < samples) {
    int64_t *t = take(batch, 8), *st = take(batch, 8);
    double *s = take(batch, 8), *c = take(batch, 8), *z = take(batch, 8), *b = take(batch * row_size, 8);
    uint64_t *ic = take(batch, 8), *iz = take(batch, 8);
    size_t n = 0, r = 0;
    if (layout.is_float) {
      tsdb_histogram_columns part = {t, st, s, c, z, b, batch, batch};
      batched = tsdb_histogram_decode(&layout, &cursor, src, src_size, scratch, words, &part, &n, &r);
    } else {
      tsdb_histogram_int_columns part = {t, st, s, ic, iz, (int64_t *)(void *)b, batch, batch};
      batched = tsdb_histogram_decode_int(&layout, &cursor, src, src_size, scratch, words, &part, &n, &r);
    }
    if (batched == TSDB_OK) check(n != 0, "progress");
    for (size_t i = 0; batched == TSDB_OK && status == TSDB_OK && i < n; i++) {
      check(t[i] == timestamps[done + i] && st[i] == starts[done + i], "batch: times");
      check(tsdb_bits_of_double(s[i]) == tsdb_bits_of_double(sums[done + i]), "batch: sums");
      if (!layout.is_float) check((double)ic[i] == counts[done + i] && (double)iz[i] == zeros[done + i], "batch: counts");
    }
    for (size_t i = 0; batched == TSDB_OK && status == TSDB_OK && i < r * row_size; i++) {
      double whole = buckets[rows_done * row_size + i], part = b[i];
      if (!layout.is_float) part = (double)(int64_t)tsdb_bits_of_double(part);
      check(tsdb_bits_of_double(whole) == tsdb_bits_of_double(part), "batch: buckets");
    }
    done += n;
    rows_done += r;
    free(t), free(st), free(s), free(c), free(z), free(b), free(ic), free(iz);
  }
  check((batched == TSDB_OK) == (status == TSDB_OK), "batch: status");
  if (defect.kind == TSDB_HISTOGRAM_SOUND) check(status == TSDB_OK, "sound, but does not decode");
  free(timestamps), free(starts), free(sums), free(counts), free(zeros), free(buckets), free(scratch);
  free(positive), free(negative), free(bounds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t encodings[] = {2, 3, 5, 6};
  // A heap copy of the exact size, so that the sanitizer sees every byte too many.
  uint8_t *copy = take(size, 1);
  if (size != 0) memcpy(copy, data, size);
  for (size_t i = 0; i < sizeof encodings; i++) run(encodings[i], size == 0 ? NULL : copy, size, 1 + size % 7);
  free(copy);
  return 0;
}
