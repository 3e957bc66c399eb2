// Small messages of the StoreAPI: the header says what of them is wanted.
#include "wire_fields.h"

#include "tsdb/chunk.h"
#include "tsdb/series_response_scan.h"

tsdb_status wire_chunk_data_get(tsdb_bytes_view message, tsdb_bytes_view *data, uint8_t *encoding) {
  uint64_t type = *encoding - 1u;
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.number == 1 && field.wire == WIRE_VARINT) type = field.value;
    if (field.number == 2 && field.wire == WIRE_LENGTH) *data = field.bytes;
  }
  if (type >= TSDB_CHUNK_FLOAT_HISTOGRAM_ST) return TSDB_ERR_ENCODING;
  *encoding = (uint8_t)(type + 1);
  return TSDB_OK;
}

tsdb_status wire_chunk_get(tsdb_bytes_view message, wire_chunk *out_chunk) {
  wire_chunk chunk = {.data = message, .encoding = TSDB_CHUNK_WIRE_AGGREGATES};
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire == WIRE_VARINT) {
      if (field.number == 1) chunk.min_time_ms = (int64_t)field.value;
      if (field.number == 2) chunk.max_time_ms = (int64_t)field.value;
    } else if (field.wire == WIRE_LENGTH && field.number == 3) {
      if (chunk.encoding == TSDB_CHUNK_WIRE_AGGREGATES) chunk.data.size = 0, chunk.encoding = TSDB_CHUNK_XOR;
      status = wire_chunk_data_get(field.bytes, &chunk.data, &chunk.encoding);
      if (status != TSDB_OK) return status;
    }
  }
  if (chunk.data.size > UINT32_MAX) return TSDB_ERR_MALFORMED;
  *out_chunk = chunk;
  return TSDB_OK;
}

tsdb_status wire_label_get(tsdb_bytes_view message, tsdb_bytes_view *out_name, tsdb_bytes_view *out_value) {
  tsdb_bytes_view name = {message.bytes, 0}, value = {message.bytes, 0};
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH) continue;
    if (field.number == 1) name = field.bytes;
    if (field.number == 2) value = field.bytes;
  }
  *out_name = name;
  *out_value = value;
  return TSDB_OK;
}
