// Series of remote write 1 and remote read: the header says how they lie.
#include "time_series.h"

#include "wire_labels.h"
#include "wire_samples_fields.h"

enum { FIELD_LABELS = 1, FIELD_SAMPLES = 2, FIELD_EXEMPLARS = 3, FIELD_HISTOGRAMS = 4 };

// MARK: Reading

/// Reads an `Exemplar`.
static tsdb_status exemplar_get(tsdb_bytes_view message, tsdb_wire_samples *samples, samples_cursor *cursor) {
  if (cursor->exemplar >= samples->exemplar_capacity) return samples_full(samples, TSDB_SAMPLES_EXEMPLARS, 1);
  tsdb_wire_exemplar exemplar = {.labels = {message.bytes, wire_plain_labels_size(message)}};
  uint64_t value = 0;
  wire_fields fields = wire_fields_of(message);
  fields.at += exemplar.labels.size;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number == 1 && field.wire == WIRE_LENGTH) exemplar.is_loose = true;
    if (field.number == 2 && field.wire == WIRE_FIXED64) value = field.value;
    if (field.number == 3 && field.wire == WIRE_VARINT) exemplar.timestamp_ms = (int64_t)field.value;
  }
  if (exemplar.is_loose) exemplar.labels.size = message.size;
  exemplar.value = tsdb_double_of_bits(value);
  samples->exemplars[cursor->exemplar++] = exemplar;
  return TSDB_OK;
}

static inline tsdb_status series_get(tsdb_bytes_view message, tsdb_wire_samples *samples) {
  if (samples->series_count >= samples->series_capacity) return samples_full(samples, TSDB_SAMPLES_SERIES, 1);
  samples_cursor cursor = samples_cursor_of(samples);
  size_t labels_size = wire_plain_labels_size(message);
  bool is_loose = false;
  wire_fields fields = wire_fields_of(message);
  fields.at += labels_size;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH) continue;
    switch (field.number) {
    case FIELD_LABELS: is_loose = true; break;
    // Start timestamps are of version 2: here their fields are unknown ones.
    case FIELD_SAMPLES:
      status = wire_sample_get(field.bytes, samples, &cursor);
      if (status == TSDB_OK) samples->start_timestamps_ms[cursor.sample - 1] = 0;
      break;
    case FIELD_EXEMPLARS: status = exemplar_get(field.bytes, samples, &cursor); break;
    case FIELD_HISTOGRAMS:
      status = wire_histogram_get(field.bytes, samples, &cursor);
      if (status == TSDB_OK) samples->histograms[cursor.histogram - 1].start_timestamp_ms = 0;
      break;
    default: break;
    }
    if (status != TSDB_OK) return status;
  }
  return samples_series_end(samples, &cursor, (tsdb_bytes_view){message.bytes, is_loose ? message.size : labels_size},
                            is_loose);
}

tsdb_status time_series_get(tsdb_bytes_view message, tsdb_wire_samples *samples) {
  samples_mark mark = samples_mark_of(samples);
  tsdb_status status = series_get(message, samples);
  if (status != TSDB_OK) samples_roll_back(samples, &mark);
  return status;
}

// MARK: Writing

bool time_series_is_loose(const tsdb_wire_samples *samples, size_t series) {
  if (samples->is_loose[series]) return true;
  for (size_t index = samples->exemplar_offsets[series]; index < samples->exemplar_offsets[series + 1]; index++) {
    if (samples->exemplars[index].is_loose) return true;
  }
  return false;
}

static size_t exemplar_size(const tsdb_wire_exemplar *exemplar) {
  return exemplar->labels.size + wire_double_size(exemplar->value) + wire_number_size((uint64_t)exemplar->timestamp_ms);
}

size_t time_series_size(const tsdb_wire_samples *samples, size_t series) {
  size_t size = samples->blobs[series].size;
  for (size_t index = samples->sample_offsets[series]; index < samples->sample_offsets[series + 1]; index++) {
    size += wire_message_size(wire_sample_size(samples->values[index], samples->timestamps_ms[index], 0));
  }
  for (size_t index = samples->exemplar_offsets[series]; index < samples->exemplar_offsets[series + 1]; index++) {
    size += wire_message_size(exemplar_size(&samples->exemplars[index]));
  }
  for (size_t index = samples->histogram_offsets[series]; index < samples->histogram_offsets[series + 1]; index++) {
    size += wire_message_size(wire_histogram_size(samples, &samples->histograms[index], false));
  }
  return size;
}

uint8_t *time_series_put(uint8_t *dst, uint32_t number, size_t content, const tsdb_wire_samples *samples, size_t series) {
  dst = wire_length_put(dst, number, content);
  tsdb_bytes_view labels = samples->blobs[series];
  if (labels.size > 0) memcpy(dst, labels.bytes, labels.size);
  dst += labels.size;
  for (size_t index = samples->sample_offsets[series]; index < samples->sample_offsets[series + 1]; index++) {
    dst = wire_sample_put(dst, FIELD_SAMPLES, samples->values[index], samples->timestamps_ms[index], 0);
  }
  for (size_t index = samples->exemplar_offsets[series]; index < samples->exemplar_offsets[series + 1]; index++) {
    const tsdb_wire_exemplar *exemplar = &samples->exemplars[index];
    dst = wire_length_put(dst, FIELD_EXEMPLARS, exemplar_size(exemplar));
    if (exemplar->labels.size > 0) memcpy(dst, exemplar->labels.bytes, exemplar->labels.size);
    dst += exemplar->labels.size;
    dst = wire_double_put(dst, 2, exemplar->value);
    dst = wire_number_put(dst, 3, (uint64_t)exemplar->timestamp_ms);
  }
  for (size_t index = samples->histogram_offsets[series]; index < samples->histogram_offsets[series + 1]; index++) {
    dst = wire_histogram_put(dst, FIELD_HISTOGRAMS, samples, &samples->histograms[index], false);
  }
  return dst;
}
