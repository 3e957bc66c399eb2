// Write-ahead logs: any bytes are walked as a segment to the end, in steps that go forward, and what is found is what a record is
// made of; any bytes are read as a record or refused. What was read is written again and reads the same.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "tsdb/wal_pages.h"
#include "tsdb/wal_records.h"

static tsdb_wal_histograms make_columns(const tsdb_wal_counts *counts) {
  size_t n = counts->entries;
  return (tsdb_wal_histograms){
      exactly(n * 8), exactly(n * 8), exactly(n * 8), exactly(n), exactly(n * 4), exactly(n * 8), exactly(n * 8),
      exactly(n * 8), exactly(n * 8), exactly(n * 4), exactly(n * 4), exactly(n * 4), exactly(n * 4), exactly(n * 4),
      exactly(counts->spans * sizeof(tsdb_histogram_span)), exactly(counts->buckets * 8), exactly(counts->bounds * 8)};
}

static void free_columns(tsdb_wal_histograms *c) {
  free(c->series_refs), free(c->timestamps_ms), free(c->start_timestamps_ms), free(c->reset_hints), free(c->schemas);
  free(c->zero_thresholds), free(c->sums), free(c->zero_counts), free(c->counts), free(c->positive_span_ends);
  free(c->negative_span_ends), free(c->positive_bucket_ends), free(c->negative_bucket_ends), free(c->bound_ends);
  free(c->spans), free(c->buckets), free(c->bounds);
}

static void try_histograms(const uint8_t *src, size_t size, const tsdb_wal_counts *counts, uint8_t *again, size_t capacity) {
  tsdb_wal_histograms columns = make_columns(counts), second = make_columns(counts);
  tsdb_wal_base base = {0, 0};
  CHECK(tsdb_wal_histograms_read(src, size, counts, &columns, &base) == TSDB_OK);
  size_t written = 0;
  CHECK(tsdb_wal_histograms_write(src[0], &columns, counts->entries, &base, again, capacity, &written) == TSDB_OK);
  // A record without entries is not written, and those of another type are left out.
  CHECK(counts->entries > 0 || written == 0);
  tsdb_wal_counts recount = {0};
  if (written > 0) CHECK(tsdb_wal_record_measure(again, written, &recount) == TSDB_OK && recount.entries <= counts->entries);
  if (written > 0 && recount.entries == counts->entries) {
    CHECK(tsdb_wal_histograms_read(again, written, counts, &second, &base) == TSDB_OK);
    CHECK(memcmp(columns.series_refs, second.series_refs, counts->entries * 8) == 0);
    CHECK(memcmp(columns.timestamps_ms, second.timestamps_ms, counts->entries * 8) == 0);
    CHECK(memcmp(columns.counts, second.counts, counts->entries * 8) == 0);
    CHECK(counts->buckets == 0 || memcmp(columns.buckets, second.buckets, counts->buckets * 8) == 0);
  }
  free_columns(&columns);
  free_columns(&second);
}

static void try_record(const uint8_t *src, size_t size) {
  tsdb_wal_counts counts;
  if (tsdb_wal_record_measure(src, size, &counts) != TSDB_OK || size == 0 || !tsdb_wal_type_is_known(src[0])) return;
  size_t n = counts.entries, written = 0, capacity = tsdb_wal_record_size_bound(&counts, size);
  uint8_t *again = exactly(capacity);
  uint64_t *refs = exactly(n * 8), *others = exactly(n * 8);
  int64_t *times = exactly(n * 8), *second_times = exactly(n * 8);
  double *values = exactly(n * 8);
  uint32_t *ends = exactly(n * 4);
  uint8_t *types = exactly(n);
  size_t text_count = src[0] == TSDB_WAL_METADATA ? 2 * n : 2 * counts.labels;
  tsdb_wal_text *texts = exactly(text_count * sizeof *texts);
  bool is_float, is_exact = false;
  switch (src[0]) {
  case TSDB_WAL_SERIES:
    CHECK(tsdb_wal_series_read(src, size, &counts, refs, ends, texts) == TSDB_OK);
    CHECK(tsdb_wal_series_write(refs, ends, texts, src, n, again, capacity, &written) == TSDB_OK);
    break;
  case TSDB_WAL_SAMPLES:
  case TSDB_WAL_SAMPLES_V2:
    CHECK(tsdb_wal_samples_read(src, size, &counts, refs, times, second_times, values, NULL) == TSDB_OK);
    CHECK(tsdb_wal_samples_write(refs, times, src[0] == TSDB_WAL_SAMPLES ? NULL : second_times, values, n, again, capacity,
                                 &written) == TSDB_OK);
    break;
  case TSDB_WAL_TOMBSTONES:
    CHECK(tsdb_wal_tombstones_read(src, size, &counts, refs, times, second_times) == TSDB_OK);
    CHECK(tsdb_wal_tombstones_write(refs, times, second_times, n, again, capacity, &written) == TSDB_OK);
    break;
  case TSDB_WAL_EXEMPLARS:
    CHECK(tsdb_wal_exemplars_read(src, size, &counts, refs, times, values, ends, texts, NULL) == TSDB_OK);
    CHECK(tsdb_wal_exemplars_write(refs, times, values, ends, texts, src, n, again, capacity, &written) == TSDB_OK);
    break;
  case TSDB_WAL_MMAP_MARKERS:
    CHECK(tsdb_wal_markers_read(src, size, &counts, refs, others) == TSDB_OK);
    CHECK(tsdb_wal_markers_write(refs, others, n, again, capacity, &written) == TSDB_OK);
    is_exact = true;
    break;
  case TSDB_WAL_METADATA:
    CHECK(tsdb_wal_metadata_read(src, size, &counts, refs, types, texts) == TSDB_OK);
    CHECK(tsdb_wal_metadata_write(refs, types, texts, src, n, again, capacity, &written) == TSDB_OK);
    break;
  default:
    CHECK(tsdb_wal_type_is_histograms(src[0], &is_float));
    try_histograms(src, size, &counts, again, capacity);
  }
  for (size_t text = 0; text < text_count; text++) CHECK((size_t)texts[text].offset + texts[text].size <= size);
  if (written > 0) {
    tsdb_wal_counts recount;
    CHECK(tsdb_wal_record_measure(again, written, &recount) == TSDB_OK && recount.entries == n);
    CHECK(recount.labels == counts.labels);
    if (is_exact) CHECK(written == size && memcmp(src, again, size) == 0);
  }
  free(again), free(refs), free(others), free(times), free(second_times), free(values), free(ends), free(types), free(texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try_record(data, size);

  tsdb_wal_cursor cursor = tsdb_wal_cursor_make(size);
  tsdb_wal_extent extent;
  size_t at = 0;
  while (tsdb_wal_next(data, size, &cursor, &extent) != TSDB_WAL_END) {
    CHECK(extent.offset >= at && extent.end_offset > extent.offset && extent.end_offset == cursor.position);
    CHECK(cursor.position <= size && (extent.kind == TSDB_WAL_DAMAGE) == (extent.reason[0] != 0));
    at = cursor.position;
    if (extent.kind != TSDB_WAL_RECORD) continue;
    uint8_t *record = exactly(extent.data_size);
    CHECK(tsdb_wal_record_copy(data, size, &extent, record, extent.data_size) == TSDB_OK);
    if (extent.compression == TSDB_WAL_RAW) try_record(record, extent.data_size);
    free(record);
  }
  CHECK(cursor.position == size);

  // The bytes as a record, behind as many as the first two say, in a segment: found again as they are.
  size_t before = size < 2 ? 0 : ((size_t)data[0] << 8 | data[1]) % (2 * TSDB_WAL_PAGE_SIZE);
  before -= before % TSDB_WAL_PAGE_SIZE > TSDB_WAL_PAGE_SIZE - TSDB_WAL_FRAGMENT_HEADER_SIZE ? 8 : 0;
  size_t bound = tsdb_wal_record_bound(size), written = 0;
  uint8_t *segment = exactly(before + bound);
  memset(segment, 0, before);
  CHECK(tsdb_wal_record_write(before, data, size, TSDB_WAL_SNAPPY, segment + before, bound, &written) == TSDB_OK);
  cursor = tsdb_wal_cursor_make(before + written);
  cursor.position = before;
  CHECK(tsdb_wal_next(segment, before + written, &cursor, &extent) == TSDB_WAL_RECORD);
  CHECK(extent.data_size == size && extent.compression == TSDB_WAL_SNAPPY && extent.offset == before);
  uint8_t *record = exactly(size);
  CHECK(tsdb_wal_record_copy(segment, before + written, &extent, record, size) == TSDB_OK);
  CHECK(size == 0 || memcmp(record, data, size) == 0);
  CHECK(tsdb_wal_next(segment, before + written, &cursor, &extent) == TSDB_WAL_END);
  free(record);
  free(segment);
  return 0;
}
