// Any bytes as a request of OpenTelemetry's metrics: columns whose parts lie within their arrays and whose labels are in order, or an error. What is
// read with memory that is always just too small is the same as with enough of it. The first byte says what is chosen.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "label_blob_codes.h"
#include "tsdb/otlp_metrics.h"
#include "wire_labels.h"

enum { BLOCKS_MAX = 4096 };

/// Everything that a request is read into, and memory that stays until its end.
typedef struct reading {
  tsdb_otlp_reader reader;
  tsdb_wire_samples samples;
  size_t least;  // of each array, at first
  void *blocks[BLOCKS_MAX];
  size_t block_count;
  tsdb_status status;
  unsigned problems;
} reading;

static void *block(reading *into, size_t size) {
  if (into->block_count == BLOCKS_MAX) exit(0);
  return into->blocks[into->block_count++] = exactly(size);
}

/// A larger copy of an array.
static void *larger(reading *into, void *array, size_t old_size, size_t size) {
  void *copy = block(into, size);
  if (old_size > 0) memcpy(copy, array, old_size);
  return copy;
}

static size_t room(const reading *into, size_t old, size_t wanted) {
  size_t size = old + wanted;
  return into->least > size ? into->least : into->least > 1 ? 2 * size : size;
}

#define GROW(array, capacity)                                                                                      \
  do {                                                                                                             \
    size_t new_capacity = room(into, samples->capacity, wanted);                                                   \
    samples->array = larger(into, samples->array, samples->capacity * sizeof *samples->array,                      \
                            new_capacity * sizeof *samples->array);                                                \
    samples->capacity = new_capacity;                                                                              \
  } while (0)

static void grow_samples(reading *into, tsdb_samples_array array, size_t wanted) {
  tsdb_wire_samples *samples = &into->samples;
  size_t old = samples->series_capacity, new_capacity = room(into, old, wanted), offsets = old == 0 ? 0 : old + 1;
  switch (array) {
  case TSDB_SAMPLES_SERIES:
    samples->blobs = larger(into, samples->blobs, old * sizeof *samples->blobs, new_capacity * sizeof *samples->blobs);
    samples->is_loose = larger(into, samples->is_loose, old, new_capacity);
    samples->sample_offsets = larger(into, samples->sample_offsets, 4 * offsets, 4 * (new_capacity + 1));
    samples->histogram_offsets = larger(into, samples->histogram_offsets, 4 * offsets, 4 * (new_capacity + 1));
    samples->exemplar_offsets = larger(into, samples->exemplar_offsets, 4 * offsets, 4 * (new_capacity + 1));
    if (old == 0) tsdb_wire_samples_clear(samples);
    samples->series_capacity = new_capacity;
    break;
  case TSDB_SAMPLES_FLOATS:
    old = samples->sample_capacity, new_capacity = room(into, old, wanted);
    samples->timestamps_ms = larger(into, samples->timestamps_ms, 8 * old, 8 * new_capacity);
    samples->start_timestamps_ms = larger(into, samples->start_timestamps_ms, 8 * old, 8 * new_capacity);
    samples->values = larger(into, samples->values, 8 * old, 8 * new_capacity);
    samples->sample_capacity = new_capacity;
    break;
  case TSDB_SAMPLES_HISTOGRAMS: GROW(histograms, histogram_capacity); break;
  case TSDB_SAMPLES_SPANS: GROW(spans, span_capacity); break;
  case TSDB_SAMPLES_BUCKETS: GROW(buckets, bucket_capacity); break;
  case TSDB_SAMPLES_BOUNDS: GROW(bounds, bound_capacity); break;
  case TSDB_SAMPLES_EXEMPLARS: GROW(exemplars, exemplar_capacity); break;
  case TSDB_SAMPLES_METADATA: GROW(metadata, metadata_capacity); break;
  case TSDB_SAMPLES_LABEL_BYTES:
    samples->label_capacity = room(into, 0, wanted);
    samples->label_bytes = block(into, samples->label_capacity);
    samples->label_size = 0;
    break;
  }
}

static void grow(reading *into) {
  tsdb_otlp_reader *reader = &into->reader;
  switch (reader->full) {
  case TSDB_OTLP_NONE: grow_samples(into, into->samples.full, into->samples.wanted); break;
  case TSDB_OTLP_ATTRIBUTES:
    reader->attribute_capacity = room(into, reader->attribute_capacity, reader->wanted);
    reader->attributes = block(into, reader->attribute_capacity * sizeof *reader->attributes);
    reader->order = block(into, reader->attribute_capacity * sizeof *reader->order);
    break;
  case TSDB_OTLP_STEPS:
    reader->step_capacity = room(into, reader->step_capacity, reader->wanted);
    reader->steps = block(into, reader->step_capacity * sizeof *reader->steps);
    break;
  case TSDB_OTLP_TEXTS:
    reader->text_capacity = room(into, reader->text_capacity, reader->wanted);
    reader->texts = block(into, reader->text_capacity);
    break;
  }
}

static tsdb_bytes_view text(const char *string) {
  return (tsdb_bytes_view){(const uint8_t *)string, strlen(string)};
}

/// What is found is told, and not told again.
static void findings_take(reading *into) {
  tsdb_otlp_reader *reader = &into->reader;
  if (reader->has_collision) {
    for (size_t index = 0; index < reader->step_count; index++) {
      tsdb_otlp_step *step = &reader->steps[index];
      if (step->collision != 1) continue;
      CHECK(step->count > 1 && step->first + step->count <= reader->attribute_count);
      for (size_t place = 0; place < step->count; place++) {
        CHECK(reader->order[step->first + place] < reader->attribute_count);
      }
      step->collision = 2;
    }
  }
  reader->has_collision = reader->has_odd_sum = false;
}

static tsdb_otlp_series series_of(const tsdb_otlp_metric *metric, unsigned choices, bool is_left_out) {
  static const char *const names[] = {"__name__", "instance", "job", "scope", "zone"};
  static const char *const values[] = {"family", "i1", "shop", "", "eu"};
  static tsdb_otlp_label labels[5];
  static tsdb_bytes_view ignored[1];
  ignored[0] = text("__name__");
  for (size_t index = 0; index < 5; index++) {
    labels[index] = (tsdb_otlp_label){text(names[index]), text(values[index]), index == 4};
  }
  tsdb_otlp_series series = {.kind = metric->kind, .naming = choices & 7, .family = labels[0].value, .labels = labels,
                             .label_count = 5, .ignored = ignored, .ignored_count = 1, .help = metric->description,
                             .unit = metric->unit, .type = 2, .is_delta = metric->temporality == 1};
  switch (metric->kind) {
  case TSDB_OTLP_NOTHING: break;
  case TSDB_OTLP_GAUGE:
  case TSDB_OTLP_SUM: series.form = TSDB_OTLP_FLOATS; break;
  case TSDB_OTLP_HISTOGRAM: series.form = (choices & 8) != 0 ? TSDB_OTLP_NATIVE : TSDB_OTLP_CLASSIC; break;
  case TSDB_OTLP_EXPONENTIAL_HISTOGRAM: series.form = TSDB_OTLP_NATIVE; break;
  case TSDB_OTLP_SUMMARY: series.form = TSDB_OTLP_QUANTILES; break;
  }
  if (is_left_out) series.form = TSDB_OTLP_LEFT_OUT;
  bool has_name = series.form == TSDB_OTLP_FLOATS || series.form == TSDB_OTLP_NATIVE;
  if (!has_name) series.labels++, series.label_count--;
  return series;
}

static tsdb_status metric_read(reading *into, tsdb_bytes_view message, unsigned choices) {
  tsdb_otlp_metric metric;
  tsdb_status status = tsdb_otlp_metric_get(message, &metric);
  if (status != TSDB_OK) return status;
  tsdb_otlp_series series = series_of(&metric, choices, (choices & 16) != 0);
  into->reader.reason = TSDB_OTLP_TAKEN;
  size_t position = metric.data_position;
  for (;;) {
    tsdb_bytes_view data;
    status = tsdb_otlp_next(message, (uint32_t)metric.kind, &position, &data);
    if (status != TSDB_OK || data.bytes == NULL) break;
    for (size_t at = 0; at < data.size;) {
      status = tsdb_otlp_points_read(data, &at, &series, &into->reader, &into->samples);
      CHECK(at <= data.size);
      if (status == TSDB_ERR_CAPACITY) grow(into);
      else if (status != TSDB_OK) return status;
      else findings_take(into);
    }
  }
  into->problems += into->reader.reason != TSDB_OTLP_TAKEN;
  return status;
}

static tsdb_status attributes_read(reading *into, tsdb_bytes_view message, uint32_t number) {
  tsdb_status status;
  while ((status = tsdb_otlp_attributes_read(message, number, &into->reader)) == TSDB_ERR_CAPACITY) grow(into);
  for (size_t index = 0; status == TSDB_OK && index < into->reader.attribute_count; index++) {
    const tsdb_otlp_attribute *attribute = &into->reader.attributes[index];
    uint8_t sum = 0;
    for (size_t at = 0; at < attribute->key.size; at++) sum ^= attribute->key.bytes[at];
    for (size_t at = 0; at < attribute->text.size; at++) sum ^= attribute->text.bytes[at];
    volatile uint8_t keep = sum;
    (void)keep;
  }
  return status;
}

static tsdb_status labels_write(reading *into, tsdb_bytes_view message, unsigned choices) {
  tsdb_otlp_metric metric = {.kind = TSDB_OTLP_GAUGE};
  tsdb_otlp_series series = series_of(&metric, choices, false);
  tsdb_bytes_view blob = {0};
  tsdb_status status;
  into->reader.reason = TSDB_OTLP_TAKEN;
  while ((status = tsdb_otlp_labels_write(message, 1, &series, &into->reader, &into->samples, &blob)) ==
         TSDB_ERR_CAPACITY) {
    grow(into);
  }
  if (status == TSDB_OK) findings_take(into);
  return status;
}

static tsdb_status request_read(reading *into, tsdb_bytes_view request, unsigned choices) {
  tsdb_bytes_view resource, scope, metric;
  tsdb_status status;
  for (size_t at = 0; (status = tsdb_otlp_next(request, 1, &at, &resource)) == TSDB_OK && resource.bytes != NULL;) {
    status = attributes_read(into, resource, 1);
    if (status != TSDB_OK) return status;
    for (size_t in = 0; (status = tsdb_otlp_next(resource, 2, &in, &scope)) == TSDB_OK && scope.bytes != NULL;) {
      status = attributes_read(into, scope, 3);
      if (status != TSDB_OK) return status;
      for (size_t of = 0; (status = tsdb_otlp_next(scope, 2, &of, &metric)) == TSDB_OK && metric.bytes != NULL;) {
        status = metric_read(into, metric, choices);
        if (status != TSDB_OK) return status;
      }
      if (status != TSDB_OK) return status;
    }
    if (status == TSDB_OK) status = labels_write(into, resource, choices);
    if (status != TSDB_OK) return status;
  }
  return status;
}

static void blob_check(tsdb_bytes_view blob, bool is_loose) {
  tsdb_bytes_view before = {0};
  size_t at = 0;
  for (label_pair pair = {0}; at < blob.size; at = pair.end) {
    CHECK(label_pair_at(blob, at, &pair));
    CHECK(pair.value.size > 0 && (pair.name.size > 0 || is_loose));
    CHECK(at == 0 || wire_bytes_compare(before, pair.name) < 0);
    before = pair.name;
  }
}

static void samples_check(const tsdb_wire_samples *samples) {
  for (size_t series = 0; series < samples->series_count; series++) {
    blob_check(samples->blobs[series], samples->is_loose[series]);
    CHECK(samples->sample_offsets[series] <= samples->sample_offsets[series + 1]);
    CHECK(samples->histogram_offsets[series] <= samples->histogram_offsets[series + 1]);
    CHECK(samples->exemplar_offsets[series] <= samples->exemplar_offsets[series + 1]);
    size_t samples_of = samples->sample_offsets[series + 1] - samples->sample_offsets[series];
    size_t histograms_of = samples->histogram_offsets[series + 1] - samples->histogram_offsets[series];
    CHECK(samples_of + histograms_of == 1);
    CHECK(samples->metadata[series].series == series);
  }
  CHECK(samples->metadata_count == samples->series_count);
  for (size_t index = 0; index < samples->exemplar_offsets[samples->series_count]; index++) {
    blob_check(samples->exemplars[index].labels, samples->exemplars[index].is_loose);
  }
  for (size_t index = 0; index < samples->histogram_offsets[samples->series_count]; index++) {
    const tsdb_wire_histogram *histogram = &samples->histograms[index];
    size_t spans = (size_t)histogram->positive_span_count + histogram->negative_span_count, sum = 0;
    size_t buckets = (size_t)histogram->positive_bucket_count + histogram->negative_bucket_count;
    CHECK(histogram->span_start + spans <= samples->span_count);
    CHECK(histogram->bucket_start + buckets <= samples->bucket_count);
    CHECK((size_t)histogram->bound_start + histogram->bound_count <= samples->bound_count);
    for (size_t span = 0; span < spans; span++) sum += samples->spans[histogram->span_start + span].length;
    CHECK(sum == buckets);
  }
}

static bool is_view(tsdb_bytes_view a, tsdb_bytes_view b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static void check_same(const tsdb_wire_samples *a, const tsdb_wire_samples *b) {
  CHECK(a->series_count == b->series_count);
  size_t count = a->series_count, floats = a->sample_offsets[count];
  CHECK(memcmp(a->sample_offsets, b->sample_offsets, 4 * (count + 1)) == 0);
  CHECK(memcmp(a->exemplar_offsets, b->exemplar_offsets, 4 * (count + 1)) == 0);
  CHECK(floats == 0 || memcmp(a->values, b->values, 8 * floats) == 0);
  CHECK(floats == 0 || memcmp(a->timestamps_ms, b->timestamps_ms, 8 * floats) == 0);
  for (size_t series = 0; series < count; series++) CHECK(is_view(a->blobs[series], b->blobs[series]));
  for (size_t index = 0; index < a->exemplar_offsets[count]; index++) {
    CHECK(is_view(a->exemplars[index].labels, b->exemplars[index].labels));
  }
  CHECK(a->bucket_count == b->bucket_count);
  CHECK(a->bucket_count == 0 || memcmp(a->buckets, b->buckets, 8 * a->bucket_count) == 0);
}

static void names_check(unsigned naming, tsdb_bytes_view key) {
  size_t bound = tsdb_otlp_label_name_bound(key.size), size = 0;
  uint8_t *name = exactly(bound);
  tsdb_status status = tsdb_otlp_label_name(naming, key, name, bound, &size);
  CHECK((status == TSDB_OK || status == TSDB_ERR_MALFORMED) && size <= bound);
  for (size_t at = 0; at < size; at++) {
    uint8_t byte = name[at], lower = byte | 0x20;
    CHECK(byte == '_' || (byte >= '0' && byte <= '9' && at > 0) || (lower >= 'a' && lower <= 'z'));
  }
  free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0 || size > 1 << 13) return 0;
  unsigned choices = data[0];
  uint8_t *copy = exactly(size - 1);
  if (size > 1) memcpy(copy, data + 1, size - 1);
  tsdb_bytes_view request = {copy, size - 1};
  names_check(choices & 7, request);
  static reading ample, scarce;
  ample = (reading){.least = 64}, scarce = (reading){.least = 1};
  // Series first: offsets begin somewhere.
  grow_samples(&ample, TSDB_SAMPLES_SERIES, 1), grow_samples(&scarce, TSDB_SAMPLES_SERIES, 1);
  ample.status = request_read(&ample, request, choices);
  samples_check(&ample.samples);
  // Growing by what is wanted alone costs a square: for small requests only.
  if (size < 600) {
    scarce.status = request_read(&scarce, request, choices);
    CHECK(scarce.status == ample.status && scarce.problems == ample.problems);
    samples_check(&scarce.samples);
    check_same(&ample.samples, &scarce.samples);
  }
  for (size_t index = 0; index < ample.block_count; index++) free(ample.blocks[index]);
  for (size_t index = 0; index < scarce.block_count; index++) free(scarce.blocks[index]);
  free(copy);
  return 0;
}
