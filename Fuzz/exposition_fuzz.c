// Any bytes as Prometheus' text and as OpenMetrics: columns that hold together, or a line that is refused; the same in small columns as in
// large ones. And any bytes as a number.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "tsdb/exposition.h"
#include "tsdb/float_text.h"

static tsdb_exposition columns_make(size_t capacity, size_t blob_capacity) {
  tsdb_exposition columns = {0};
  columns.series = exactly(capacity * sizeof(uint32_t));
  columns.timestamps_ms = exactly(capacity * sizeof(int64_t));
  columns.values = exactly(capacity * sizeof(double));
  columns.flags = exactly(capacity);
  columns.blob_offsets = exactly((capacity + 1) * sizeof(uint32_t));
  columns.blobs = exactly(blob_capacity);
  columns.metadata = exactly(capacity * sizeof(tsdb_exposition_metadata));
  columns.labels = exactly(capacity * sizeof(tsdb_exposition_label));
  columns.sample_capacity = columns.series_capacity = columns.metadata_capacity = columns.label_capacity = capacity;
  columns.blob_capacity = blob_capacity;
  columns.blob_offsets[0] = 0;
  return columns;
}

static void columns_free(tsdb_exposition *columns) {
  free(columns->series), free(columns->timestamps_ms), free(columns->values), free(columns->flags);
  free(columns->blob_offsets), free(columns->blobs), free(columns->metadata), free(columns->labels);
}

/// Labels ascend by name, and none is empty.
static void check_blob(tsdb_bytes_view blob) {
  size_t position = 0;
  tsdb_bytes_view name, value, before = {0};
  while (tsdb_label_blob_next(blob, &position, &name, &value)) {
    CHECK(value.size > 0 && name.size > 0);
    if (before.bytes != NULL) {
      size_t common = before.size < name.size ? before.size : name.size;
      int order = memcmp(before.bytes, name.bytes, common);
      CHECK(order < 0 || (order == 0 && before.size < name.size));
    }
    before = name;
  }
  CHECK(position == blob.size && position > 0);
}

static tsdb_bytes_view blob_of(const tsdb_exposition *columns, size_t sample) {
  uint32_t series = columns->series[sample];
  CHECK(series < columns->series_count);
  size_t start = columns->blob_offsets[series], end = columns->blob_offsets[series + 1];
  CHECK(start < end && end <= columns->blob_capacity);
  return (tsdb_bytes_view){columns->blobs + start, end - start};
}

static void check_within(tsdb_bytes_view view, const uint8_t *data, size_t size) {
  CHECK(view.bytes >= data && view.bytes <= data + size && view.size <= (size_t)(data + size - view.bytes));
}

static void fuzz_format(tsdb_exposition_format format, unsigned options, const uint8_t *data, size_t size) {
  // A pair of quotes may be a label without a name that was written: blobs are less than ten times the bytes.
  tsdb_exposition whole = columns_make(size + 1, 16 * size + 64), part = columns_make(4, 256);
  size_t position = 0, part_position = 0, sample = 0, metadata = 0;
  tsdb_status status = tsdb_exposition_read(format, options, data, size, &position, &whole);
  CHECK(status == TSDB_OK || status == TSDB_ERR_MALFORMED);
  CHECK(status == TSDB_OK ? position == size : position < size && whole.reason != TSDB_EXPOSITION_ACCEPTED);
  for (size_t index = 0; index < whole.sample_count; index++) {
    check_blob(blob_of(&whole, index));
    CHECK((whole.flags[index] & TSDB_EXPOSITION_SAME_SERIES) == 0 || whole.series[index] == whole.series[index - 1]);
    CHECK((whole.flags[index] & TSDB_EXPOSITION_HAS_TIMESTAMP) != 0 || whole.timestamps_ms[index] == 0);
  }
  for (size_t index = 0; index < whole.metadata_count; index++) {
    check_within(whole.metadata[index].name, data, size);
    check_within(whole.metadata[index].text, data, size);
  }
  // Once more in small columns, which are emptied as they are full.
  tsdb_status part_status;
  do {
    part_status = tsdb_exposition_read(format, options, data, size, &part_position, &part);
    for (size_t index = 0; index < part.sample_count; index++, sample++) {
      tsdb_bytes_view a = blob_of(&whole, sample), b = blob_of(&part, index);
      CHECK(a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0);
      CHECK(memcmp(&whole.values[sample], &part.values[index], sizeof(double)) == 0);
      CHECK(whole.timestamps_ms[sample] == part.timestamps_ms[index]);
      CHECK(((whole.flags[sample] ^ part.flags[index]) & ~TSDB_EXPOSITION_SAME_SERIES) == 0);
    }
    for (size_t index = 0; index < part.metadata_count; index++, metadata++) {
      const tsdb_exposition_metadata *a = &whole.metadata[metadata], *b = &part.metadata[index];
      CHECK(a->kind == b->kind && a->type == b->type && a->name.bytes == b->name.bytes && a->name.size == b->name.size);
      CHECK(a->text.bytes == b->text.bytes && a->text.size == b->text.size);
    }
    bool is_stuck = part.sample_count + part.metadata_count == 0;
    tsdb_exposition_clear(&part);
    if (is_stuck) break;
  } while (part_status == TSDB_ERR_CAPACITY);
  if (part_status != TSDB_ERR_CAPACITY) {
    CHECK(part_status == status && part_position == position && part.reason == whole.reason);
    CHECK(sample == whole.sample_count && metadata == whole.metadata_count);
    CHECK(part.line_count == whole.line_count && part.exemplar_count == whole.exemplar_count);
  }
  columns_free(&whole), columns_free(&part);
}

static void fuzz_float(const uint8_t *data, size_t size) {
  double value, again;
  if (tsdb_float_read(data, size, &value) != TSDB_OK) return;
  uint8_t text[TSDB_FLOAT_TEXT_BOUND];
  size_t text_size;
  CHECK(tsdb_float_text(value, TSDB_FLOAT_GENERAL, text, sizeof text, &text_size) == TSDB_OK);
  CHECK(tsdb_float_read(text, text_size, &again) == TSDB_OK && memcmp(&value, &again, sizeof value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 1 << 14) return 0;
  uint8_t *copy = exactly(size);
  if (size != 0) memcpy(copy, data, size);
  fuzz_format(TSDB_EXPOSITION_TEXT, 0, copy, size);
  fuzz_format(TSDB_EXPOSITION_OPENMETRICS, TSDB_EXPOSITION_ALLOWS_NAMELESS, copy, size);
  fuzz_format(TSDB_EXPOSITION_OPENMETRICS, TSDB_EXPOSITION_REQUIRES_TIMESTAMPS, copy, size);
  fuzz_float(copy, size);
  free(copy);
  return 0;
}
