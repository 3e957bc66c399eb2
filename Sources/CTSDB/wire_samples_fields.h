// What readers and writers of remote write and remote read have in common: samples, histograms, exemplars and their columns. Internal.
#ifndef TSDB_WIRE_SAMPLES_FIELDS_H
#define TSDB_WIRE_SAMPLES_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/varint.h"
#include "tsdb/wire_samples.h"
#include "wire_fields.h"

// ---- Reading ------------------------------------------------------------------------------------------------------------

/// The columns' counts: what is rolled back where a series cannot be read.
typedef struct samples_mark {
  size_t series, samples, histograms, exemplars, spans, buckets, bounds, metadata, label_size;
} samples_mark;

static inline samples_mark samples_mark_of(const tsdb_wire_samples *samples) {
  size_t series = samples->series_count;
  return (samples_mark){series,
                        samples->sample_offsets[series],
                        samples->histogram_offsets[series],
                        samples->exemplar_offsets[series],
                        samples->span_count,
                        samples->bucket_count,
                        samples->bound_count,
                        samples->metadata_count,
                        samples->label_size};
}

static inline void samples_roll_back(tsdb_wire_samples *samples, const samples_mark *mark) {
  samples->series_count = mark->series;
  samples->span_count = mark->spans;
  samples->bucket_count = mark->buckets;
  samples->bound_count = mark->bounds;
  samples->metadata_count = mark->metadata;
  samples->label_size = mark->label_size;
}

/// An array has no room for so many more elements.
static inline tsdb_status samples_full(tsdb_wire_samples *samples, tsdb_samples_array array, size_t wanted) {
  samples->full = array;
  samples->wanted = wanted;
  return TSDB_ERR_CAPACITY;
}

/// The series that is being read: its next places.
typedef struct samples_cursor {
  size_t sample, histogram, exemplar;
} samples_cursor;

static inline samples_cursor samples_cursor_of(const tsdb_wire_samples *samples) {
  size_t series = samples->series_count;
  return (samples_cursor){samples->sample_offsets[series], samples->histogram_offsets[series],
                          samples->exemplar_offsets[series]};
}

/// Ends the series that is being read.
static inline tsdb_status samples_series_end(tsdb_wire_samples *samples, const samples_cursor *cursor,
                                             tsdb_bytes_view labels, bool is_loose) {
  size_t series = samples->series_count;
  if ((cursor->sample | cursor->histogram | cursor->exemplar) > UINT32_MAX) return TSDB_ERR_SIZE;
  samples->blobs[series] = labels;
  samples->is_loose[series] = is_loose;
  samples->sample_offsets[series + 1] = (uint32_t)cursor->sample;
  samples->histogram_offsets[series + 1] = (uint32_t)cursor->histogram;
  samples->exemplar_offsets[series + 1] = (uint32_t)cursor->exemplar;
  samples->series_count++;
  return TSDB_OK;
}

/// Reads a `Sample`.
static inline tsdb_status wire_sample_get(tsdb_bytes_view message, tsdb_wire_samples *samples, samples_cursor *cursor) {
  if (cursor->sample >= samples->sample_capacity) return samples_full(samples, TSDB_SAMPLES_FLOATS, 1);
  uint64_t value = 0, time = 0, start = 0;
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number == 1 && field.wire == WIRE_FIXED64) value = field.value;
    if (field.number == 2 && field.wire == WIRE_VARINT) time = field.value;
    if (field.number == 3 && field.wire == WIRE_VARINT) start = field.value;
  }
  samples->values[cursor->sample] = tsdb_double_of_bits(value);
  samples->timestamps_ms[cursor->sample] = (int64_t)time;
  samples->start_timestamps_ms[cursor->sample] = (int64_t)start;
  cursor->sample++;
  return TSDB_OK;
}

/// Where numbers of eight bytes go.
typedef struct wire_number_sink {
  void *array;
  size_t *count;
  size_t capacity;
  tsdb_samples_array kind;
} wire_number_sink;

/// Collects all numbers of eight bytes of one field of a message, packed or not.
tsdb_status wire_numbers_collect(tsdb_bytes_view message, uint32_t number, tsdb_wire_samples *samples,
                                 const wire_number_sink *sink);

/// Reads a `Histogram`.
tsdb_status wire_histogram_get(tsdb_bytes_view message, tsdb_wire_samples *samples, samples_cursor *cursor);

// ---- Writing ------------------------------------------------------------------------------------------------------------

/// Bytes of a field of at most fifteen's number with a length.
static inline size_t wire_message_size(size_t content) { return 1 + tsdb_uvarint_size(content) + content; }

static inline uint8_t *wire_length_put(uint8_t *dst, uint32_t number, size_t size) {
  *dst++ = (uint8_t)(number << 3 | WIRE_LENGTH);
  return dst + tsdb_uvarint_put(dst, size);
}

static inline uint8_t *wire_bytes_put(uint8_t *dst, uint32_t number, tsdb_bytes_view bytes) {
  dst = wire_length_put(dst, number, bytes.size);
  if (bytes.size > 0) memcpy(dst, bytes.bytes, bytes.size);
  return dst + bytes.size;
}

/// Numbers that are 0 are not written.
static inline size_t wire_number_size(uint64_t value) { return value == 0 ? 0 : 1 + tsdb_uvarint_size(value); }

static inline uint8_t *wire_number_put(uint8_t *dst, uint32_t number, uint64_t value) {
  if (value == 0) return dst;
  *dst++ = (uint8_t)(number << 3 | WIRE_VARINT);
  return dst + tsdb_uvarint_put(dst, value);
}

/// Doubles of the bits 0 are not written; -0 is.
static inline size_t wire_double_size(double value) { return tsdb_bits_of_double(value) == 0 ? 0 : 9; }

static inline uint8_t *wire_double_put(uint8_t *dst, uint32_t number, double value) {
  uint64_t bits = tsdb_bits_of_double(value);
  if (bits == 0) return dst;
  *dst++ = (uint8_t)(number << 3 | WIRE_FIXED64);
  memcpy(dst, &bits, sizeof bits);
  return dst + sizeof bits;
}

static inline size_t wire_sample_size(double value, int64_t time, int64_t start) {
  return wire_double_size(value) + wire_number_size((uint64_t)time) + wire_number_size((uint64_t)start);
}

static inline uint8_t *wire_sample_put(uint8_t *dst, uint32_t number, double value, int64_t time, int64_t start) {
  dst = wire_length_put(dst, number, wire_sample_size(value, time, start));
  dst = wire_double_put(dst, 1, value);
  dst = wire_number_put(dst, 2, (uint64_t)time);
  return wire_number_put(dst, 3, (uint64_t)start);
}

/// Bytes of a `Histogram` without tag and length.
size_t wire_histogram_size(const tsdb_wire_samples *samples, const tsdb_wire_histogram *histogram, bool with_start);

/// Writes it, with tag and length.
uint8_t *wire_histogram_put(uint8_t *dst, uint32_t number, const tsdb_wire_samples *samples,
                            const tsdb_wire_histogram *histogram, bool with_start);

#endif
