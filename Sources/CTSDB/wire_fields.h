// The fields of a protobuf message, one after the other: what the readers of messages have in common.
#ifndef TSDB_WIRE_FIELDS_H
#define TSDB_WIRE_FIELDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tsdb/chunk.h"
#include "tsdb/series_response.h"
#include "tsdb/series_response_scan.h"
#include "tsdb/status.h"
#include "tsdb/varint.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

/// What is left of a message.
typedef struct wire_fields {
  const uint8_t *at;
  const uint8_t *end;
} wire_fields;

/// One field: what stands before its value, and the value.
typedef struct wire_field {
  uint32_t number;
  uint32_t wire;
  uint64_t value;         // of a varint; of a fixed number its bits
  tsdb_bytes_view bytes;  // of a field with a length
} wire_field;

static inline wire_fields wire_fields_of(tsdb_bytes_view bytes) {
  return (wire_fields){bytes.bytes, bytes.size == 0 ? bytes.bytes : bytes.bytes + bytes.size};
}

/// Reads a varint of at most 64 bits.
static inline tsdb_status wire_varint_get(wire_fields *fields, uint64_t *out_value) {
  if (fields->at < fields->end && *fields->at < 0x80) {
    *out_value = *fields->at++;
    return TSDB_OK;
  }
  size_t left = (size_t)(fields->end - fields->at);
  size_t size = left == 0 ? 0 : tsdb_uvarint_get(fields->at, left, out_value);
  if (size == 0) return left < TSDB_UVARINT_SIZE_MAX ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
  fields->at += size;
  return TSDB_OK;
}

/// Reads the next field; the caller has seen that there are bytes.
static inline __attribute__((always_inline)) tsdb_status wire_field_get(wire_fields *fields, wire_field *out_field) {
  uint64_t tag;
  tsdb_status status = wire_varint_get(fields, &tag);
  if (status != TSDB_OK) return status;
  if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3) return TSDB_ERR_MALFORMED;
  out_field->number = (uint32_t)(tag >> 3);
  out_field->wire = (uint32_t)(tag & 7);
  size_t size;
  out_field->value = 0;
  switch (out_field->wire) {
  case WIRE_VARINT: return wire_varint_get(fields, &out_field->value);
  case WIRE_LENGTH: {
    uint64_t length;
    status = wire_varint_get(fields, &length);
    if (status != TSDB_OK) return status;
    if (length > (uint64_t)(fields->end - fields->at)) return TSDB_ERR_TRUNCATED;
    out_field->bytes = (tsdb_bytes_view){fields->at, (size_t)length};
    fields->at += length;
    return TSDB_OK;
  }
  case WIRE_FIXED64: size = 8; break;
  case WIRE_FIXED32: size = 4; break;
  default: return TSDB_ERR_MALFORMED;
  }
  if (size > (size_t)(fields->end - fields->at)) return TSDB_ERR_TRUNCATED;
  memcpy(&out_field->value, fields->at, size);
  fields->at += size;
  return TSDB_OK;
}

// MARK: Messages of the StoreAPI

/// Reads a `Chunk`: its data and its encoding as blocks have it. What it does not say stays as it is: where the field is repeated,
/// protobuf merges.
static inline tsdb_status wire_chunk_data_get(tsdb_bytes_view message, tsdb_bytes_view *data, uint8_t *encoding) {
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

/// What an `AggrChunk` says.
typedef struct wire_chunk {
  int64_t min_time_ms;
  int64_t max_time_ms;
  tsdb_bytes_view data;  // of the raw chunk; of aggregates the whole message
  uint8_t encoding;      // as in blocks, or TSDB_CHUNK_WIRE_AGGREGATES
} wire_chunk;

/// Reads an `AggrChunk`.
static inline tsdb_status wire_chunk_get(tsdb_bytes_view message, wire_chunk *out_chunk) {
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

/// Reads a `Label` as its fields come, in any order.
static inline tsdb_status wire_label_get(tsdb_bytes_view message, tsdb_bytes_view *out_name, tsdb_bytes_view *out_value) {
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

#endif
