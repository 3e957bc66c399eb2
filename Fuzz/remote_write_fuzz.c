// Any bytes as requests of remote write 1 and 2 and as answers of remote read: columns whose parts lie within the bytes, or an error. What
// was read is written again, and reading that gives the same.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "tsdb/remote_read.h"
#include "tsdb/remote_write.h"
#include "tsdb/series_response_scan.h"

enum { LABELS_MAX = 4096 };

/// Columns with room for so many of everything.
static tsdb_wire_samples samples_make(size_t capacity) {
  tsdb_wire_samples samples = {0};
  samples.blobs = calloc(capacity, sizeof *samples.blobs);
  samples.is_loose = calloc(capacity, 1);
  samples.sample_offsets = calloc(capacity + 1, sizeof(uint32_t));
  samples.histogram_offsets = calloc(capacity + 1, sizeof(uint32_t));
  samples.exemplar_offsets = calloc(capacity + 1, sizeof(uint32_t));
  samples.timestamps_ms = calloc(capacity, sizeof(int64_t));
  samples.start_timestamps_ms = calloc(capacity, sizeof(int64_t));
  samples.values = calloc(capacity, sizeof(double));
  samples.histograms = calloc(capacity, sizeof *samples.histograms);
  samples.spans = calloc(capacity, sizeof *samples.spans);
  samples.buckets = calloc(capacity, sizeof(uint64_t));
  samples.bounds = calloc(capacity, sizeof(double));
  samples.exemplars = calloc(capacity, sizeof *samples.exemplars);
  samples.metadata = calloc(capacity, sizeof *samples.metadata);
  samples.series_capacity = samples.sample_capacity = samples.histogram_capacity = capacity;
  samples.span_capacity = samples.bucket_capacity = samples.bound_capacity = capacity;
  samples.exemplar_capacity = samples.metadata_capacity = capacity;
  samples.label_capacity = 1 << 16;
  samples.label_bytes = exactly(samples.label_capacity);
  return samples;
}

static void samples_free(tsdb_wire_samples *samples) {
  free(samples->blobs), free(samples->is_loose), free(samples->sample_offsets), free(samples->histogram_offsets);
  free(samples->exemplar_offsets), free(samples->timestamps_ms), free(samples->start_timestamps_ms);
  free(samples->values), free(samples->histograms), free(samples->spans), free(samples->buckets), free(samples->bounds);
  free(samples->exemplars), free(samples->metadata), free(samples->label_bytes);
}

static int is_view(tsdb_bytes_view a, tsdb_bytes_view b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static void check_same(const tsdb_wire_samples *a, const tsdb_wire_samples *b) {
  CHECK(a->series_count == b->series_count);
  size_t count = a->series_count;
  CHECK(memcmp(a->sample_offsets, b->sample_offsets, (count + 1) * sizeof(uint32_t)) == 0);
  CHECK(memcmp(a->histogram_offsets, b->histogram_offsets, (count + 1) * sizeof(uint32_t)) == 0);
  CHECK(memcmp(a->exemplar_offsets, b->exemplar_offsets, (count + 1) * sizeof(uint32_t)) == 0);
  for (size_t series = 0; series < count; series++) CHECK(is_view(a->blobs[series], b->blobs[series]));
  size_t samples = a->sample_offsets[count];
  CHECK(memcmp(a->timestamps_ms, b->timestamps_ms, samples * sizeof(int64_t)) == 0);
  CHECK(memcmp(a->values, b->values, samples * sizeof(double)) == 0);
  CHECK(a->span_count == b->span_count && memcmp(a->spans, b->spans, a->span_count * sizeof *a->spans) == 0);
  CHECK(a->bucket_count == b->bucket_count && memcmp(a->buckets, b->buckets, a->bucket_count * 8) == 0);
  CHECK(a->bound_count == b->bound_count && memcmp(a->bounds, b->bounds, a->bound_count * 8) == 0);
  for (size_t index = 0; index < a->histogram_offsets[count]; index++) {
    const tsdb_wire_histogram *x = &a->histograms[index], *y = &b->histograms[index];
    CHECK(x->timestamp_ms == y->timestamp_ms && x->count == y->count && x->zero_count == y->zero_count);
    CHECK(x->schema == y->schema && x->reset_hint == y->reset_hint && x->is_float == y->is_float);
    CHECK(x->positive_span_count == y->positive_span_count && x->negative_bucket_count == y->negative_bucket_count);
  }
  for (size_t index = 0; index < a->exemplar_offsets[count]; index++) {
    CHECK(is_view(a->exemplars[index].labels, b->exemplars[index].labels));
    CHECK(a->exemplars[index].timestamp_ms == b->exemplars[index].timestamp_ms);
  }
}

/// Whether all labels are blobs.
static int is_tight(const tsdb_wire_samples *samples) {
  for (size_t series = 0; series < samples->series_count; series++) {
    if (samples->is_loose[series]) return 0;
  }
  for (size_t index = 0; index < samples->exemplar_offsets[samples->series_count]; index++) {
    if (samples->exemplars[index].is_loose) return 0;
  }
  return 1;
}

static void fuzz_version1(const uint8_t *data, size_t size) {
  tsdb_wire_samples samples = samples_make(size + 1), again = samples_make(size + 1);
  size_t position = 0, written = 0;
  tsdb_status status = tsdb_remote_write_read(data, size, &position, &samples);
  CHECK(status != TSDB_ERR_CAPACITY && position <= size);
  CHECK(status != TSDB_OK || position == size);
  size_t bound = tsdb_remote_write_size(&samples, 0, samples.series_count, true);
  uint8_t *bytes = exactly(bound);
  status = tsdb_remote_write_write(&samples, 0, samples.series_count, true, bytes, bound, &written);
  CHECK(status == (is_tight(&samples) ? TSDB_OK : TSDB_ERR_ORDER));
  if (status == TSDB_OK) {
    CHECK(written == bound);
    position = 0;
    CHECK(tsdb_remote_write_read(bytes, written, &position, &again) == TSDB_OK);
    check_same(&samples, &again);
    CHECK(samples.metadata_count == again.metadata_count);
    if (bound > 0) {
      CHECK(tsdb_remote_write_write(&samples, 0, samples.series_count, true, bytes, bound - 1, &written) ==
            TSDB_ERR_CAPACITY);
    }
  }
  free(bytes);
  samples_free(&samples), samples_free(&again);
}

static void fuzz_version2(const uint8_t *data, size_t size) {
  size_t symbol_count = 0;
  tsdb_bytes_view *strings = calloc(size + 1, sizeof *strings);
  if (tsdb_remote_write_v2_symbols(data, size, strings, size + 1, &symbol_count) != TSDB_OK) {
    free(strings);
    return;
  }
  tsdb_wire_samples samples = samples_make(size + 1), again = samples_make(size + 1);
  size_t position = 0, written = 0;
  tsdb_status status = tsdb_remote_write_v2_read(data, size, &position, strings, symbol_count, &samples);
  // Only the labels' memory may be full.
  CHECK(status != TSDB_ERR_CAPACITY || samples.full == TSDB_SAMPLES_LABEL_BYTES);
  size_t count = samples.series_count;
  size_t reference_count = tsdb_remote_write_v2_reference_count(&samples, 0, count), buckets = 4;
  while (buckets < 2 * (reference_count + 1)) buckets *= 2;
  uint32_t *references = exactly(reference_count * sizeof *references);
  tsdb_wire_symbols symbols = {.capacity = reference_count + 1, .bucket_count = buckets, .seed = 7};
  symbols.strings = calloc(symbols.capacity, sizeof *symbols.strings);
  symbols.buckets = calloc(buckets, sizeof *symbols.buckets);
  status = tsdb_remote_write_v2_number(&samples, 0, count, &symbols, references, reference_count);
  CHECK(status == (is_tight(&samples) ? TSDB_OK : TSDB_ERR_ORDER));
  if (status == TSDB_OK) {
    size_t bound = tsdb_remote_write_v2_size(&samples, 0, count, &symbols, references);
    uint8_t *bytes = exactly(bound);
    CHECK(tsdb_remote_write_v2_write(&samples, 0, count, &symbols, references, bytes, bound, &written) == TSDB_OK);
    CHECK(written == bound);
    tsdb_bytes_view *read_strings = calloc(symbols.count + 1, sizeof *read_strings);
    CHECK(tsdb_remote_write_v2_symbols(bytes, written, read_strings, symbols.count, &symbol_count) == TSDB_OK);
    CHECK(symbol_count == symbols.count);
    position = 0;
    CHECK(tsdb_remote_write_v2_read(bytes, written, &position, read_strings, symbol_count, &again) == TSDB_OK);
    check_same(&samples, &again);
    size_t samples_count = samples.sample_offsets[count];
    CHECK(memcmp(samples.start_timestamps_ms, again.start_timestamps_ms, samples_count * sizeof(int64_t)) == 0);
    free(read_strings), free(bytes);
  }
  free(references), free(symbols.strings), free(symbols.buckets), free(strings);
  samples_free(&samples), samples_free(&again);
}

static void fuzz_read(const uint8_t *data, size_t size) {
  size_t position = 0;
  for (;;) {
    tsdb_bytes_view result;
    if (tsdb_read_response_next(data, size, &position, &result) != TSDB_OK || result.bytes == NULL) break;
    CHECK(result.bytes >= data && result.bytes + result.size <= data + size && position <= size);
  }
  enum { CAPACITY = 256 };
  static tsdb_bytes_view blobs[CAPACITY];
  static uint8_t loose[CAPACITY], encodings[CAPACITY];
  static uint32_t offsets[CAPACITY + 1], sizes[CAPACITY];
  static int64_t min_times[CAPACITY], max_times[CAPACITY];
  static const uint8_t *chunk_data[CAPACITY];
  tsdb_wire_window window = {blobs,     loose,      offsets, 0,         CAPACITY, min_times,
                             max_times, chunk_data, sizes,   encodings, CAPACITY};
  uint64_t query;
  tsdb_bytes_view message;
  position = 0;
  if (tsdb_read_frame_next(data, size, &position, 1 << 20, &message) == TSDB_OK) CHECK(position <= size);
  // Checksums are not guessed: the bytes are tried as a message, too.
  offsets[0] = 0;
  if (tsdb_read_chunks_scan(data, size, &window, &query) != TSDB_OK) {
    CHECK(window.series_count == 0);
    return;
  }
  for (size_t series = 0; series < window.series_count; series++) {
    size_t chunk_count = offsets[series + 1] - offsets[series], first = 0;
    tsdb_wire_chunk chunks[CAPACITY];
    for (size_t chunk = 0; chunk < chunk_count; chunk++) {
      size_t at = offsets[series] + chunk;
      CHECK(sizes[at] == 0 || (chunk_data[at] >= data && chunk_data[at] + sizes[at] <= data + size));
      chunks[chunk] = (tsdb_wire_chunk){min_times[at], max_times[at], chunk_data[at], sizes[at], encodings[at]};
    }
    if (loose[series]) continue;
    while (first < chunk_count) {
      size_t count = 0, written = 0;
      size_t bound = tsdb_read_frame_measure(blobs[series], chunks + first, chunk_count - first, size / 2, &count);
      CHECK(count > 0);
      uint8_t *frame = exactly(bound);
      CHECK(tsdb_read_frame_write(blobs[series], chunks + first, count, query, frame, bound, &written) == TSDB_OK);
      position = 0;
      CHECK(tsdb_read_frame_next(frame, written, &position, SIZE_MAX, &message) == TSDB_OK && position == written);
      free(frame);
      first += count;
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 1 << 14) return 0;
  uint8_t *copy = exactly(size);
  if (size != 0) memcpy(copy, data, size);
  fuzz_version1(copy, size);
  fuzz_version2(copy, size);
  fuzz_read(copy, size);
  free(copy);
  return 0;
}
