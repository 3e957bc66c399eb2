// Remote write version 1: the header says how it lies.
#include "tsdb/remote_write.h"

#include "time_series.h"
#include "wire_samples_fields.h"

enum { FIELD_SERIES = 1, FIELD_METADATA = 3 };

/// Reads a `MetricMetadata`.
static tsdb_status metadata_get(tsdb_bytes_view message, tsdb_wire_samples *samples) {
  if (samples->metadata_count >= samples->metadata_capacity) return samples_full(samples, TSDB_SAMPLES_METADATA, 1);
  tsdb_bytes_view none = {message.bytes, 0};
  tsdb_wire_metadata metadata = {none, none, none, UINT32_MAX, 0};
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number == 1 && field.wire == WIRE_VARINT) metadata.type = (uint32_t)field.value;
    if (field.wire != WIRE_LENGTH) continue;
    if (field.number == 2) metadata.family = field.bytes;
    if (field.number == 4) metadata.help = field.bytes;
    if (field.number == 5) metadata.unit = field.bytes;
  }
  samples->metadata[samples->metadata_count++] = metadata;
  return TSDB_OK;
}

tsdb_status tsdb_remote_write_read(const uint8_t *src, size_t src_size, size_t *position, tsdb_wire_samples *samples) {
  wire_fields fields = wire_fields_of((tsdb_bytes_view){src, src_size});
  fields.at += *position;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire == WIRE_LENGTH && field.number == FIELD_SERIES) {
      status = time_series_get(field.bytes, samples);
    } else if (field.wire == WIRE_LENGTH && field.number == FIELD_METADATA) {
      status = metadata_get(field.bytes, samples);
    }
    if (status != TSDB_OK) return status;
    *position = src_size - (size_t)(fields.end - fields.at);
  }
  return TSDB_OK;
}

static size_t metadata_size(const tsdb_wire_metadata *metadata) {
  size_t size = wire_number_size(metadata->type);
  if (metadata->family.size > 0) size += wire_message_size(metadata->family.size);
  if (metadata->help.size > 0) size += wire_message_size(metadata->help.size);
  if (metadata->unit.size > 0) size += wire_message_size(metadata->unit.size);
  return size;
}

static uint8_t *metadata_put(uint8_t *dst, const tsdb_wire_metadata *metadata) {
  dst = wire_length_put(dst, FIELD_METADATA, metadata_size(metadata));
  dst = wire_number_put(dst, 1, metadata->type);
  if (metadata->family.size > 0) dst = wire_bytes_put(dst, 2, metadata->family);
  if (metadata->help.size > 0) dst = wire_bytes_put(dst, 4, metadata->help);
  if (metadata->unit.size > 0) dst = wire_bytes_put(dst, 5, metadata->unit);
  return dst;
}

size_t tsdb_remote_write_size(const tsdb_wire_samples *samples, size_t first, size_t count, bool with_metadata) {
  size_t size = 0;
  for (size_t series = first; series < first + count; series++) {
    size += wire_message_size(time_series_size(samples, series));
  }
  for (size_t index = 0; with_metadata && index < samples->metadata_count; index++) {
    if (samples->metadata[index].series != UINT32_MAX) continue;
    size += wire_message_size(metadata_size(&samples->metadata[index]));
  }
  return size;
}

tsdb_status tsdb_remote_write_write(const tsdb_wire_samples *samples, size_t first, size_t count, bool with_metadata,
                                    uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  const uint8_t *start = dst;
  size_t left = dst_capacity;
  for (size_t series = first; series < first + count; series++) {
    if (time_series_is_loose(samples, series)) return TSDB_ERR_ORDER;
    size_t content = time_series_size(samples, series), size = wire_message_size(content);
    if (size > left) return TSDB_ERR_CAPACITY;
    dst = time_series_put(dst, FIELD_SERIES, content, samples, series);
    left -= size;
  }
  for (size_t index = 0; with_metadata && index < samples->metadata_count; index++) {
    const tsdb_wire_metadata *metadata = &samples->metadata[index];
    if (metadata->series != UINT32_MAX) continue;
    size_t size = wire_message_size(metadata_size(metadata));
    if (size > left) return TSDB_ERR_CAPACITY;
    dst = metadata_put(dst, metadata);
    left -= size;
  }
  *out_size = (size_t)(dst - start);
  return TSDB_OK;
}
