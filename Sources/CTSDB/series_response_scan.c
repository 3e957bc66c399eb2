// Messages of the StoreAPI as windows of a merge: the header says how.
#include "tsdb/series_response_scan.h"

#include <string.h>

#include "tsdb/chunk.h"
#include "wire_fields.h"
#include "wire_labels.h"

// MARK: Series

/// Reads a `Series` as the next one of the window.
static tsdb_status series_scan(tsdb_bytes_view message, tsdb_wire_window *window) {
  size_t series = window->series_count;
  if (series >= window->series_capacity) return TSDB_ERR_CAPACITY;
  size_t chunk = window->chunk_offsets[series];
  size_t labels_size = wire_plain_labels_size(message);
  bool is_loose = false;
  wire_fields fields = wire_fields_of(message);
  if (labels_size > 0) fields.at += labels_size;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH) continue;
    if (field.number == 1) is_loose = true;
    if (field.number != 2) continue;
    if (chunk >= window->chunks_capacity || chunk >= UINT32_MAX) return TSDB_ERR_CAPACITY;
    wire_chunk content;
    status = wire_chunk_get(field.bytes, &content);
    if (status != TSDB_OK) return status;
    window->min_times_ms[chunk] = content.min_time_ms;
    window->max_times_ms[chunk] = content.max_time_ms;
    window->data[chunk] = content.data.bytes;
    window->sizes[chunk] = (uint32_t)content.data.size;
    window->encodings[chunk] = content.encoding;
    chunk++;
  }
  window->blobs[series] = (tsdb_bytes_view){message.bytes, is_loose ? message.size : labels_size};
  window->is_loose[series] = is_loose;
  window->chunk_offsets[series + 1] = (uint32_t)chunk;
  window->series_count++;
  return TSDB_OK;
}

/// Reads the fields of a `SeriesResponse`.
static tsdb_status message_scan(tsdb_bytes_view message, tsdb_wire_window *window, tsdb_wire_notes *notes) {
  wire_fields outer = wire_fields_of(message);
  while (outer.at < outer.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&outer, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH) continue;
    switch (field.number) {
    case 1: status = series_scan(field.bytes, window); break;
    case 2: notes->warning = field.bytes; break;
    case 3: notes->hints = field.bytes; break;
    case 4: {
      wire_fields inner = wire_fields_of(field.bytes);
      while (status == TSDB_OK && inner.at < inner.end) {
        status = wire_field_get(&inner, &field);
        if (status == TSDB_OK && field.number == 1 && field.wire == WIRE_LENGTH) {
          status = series_scan(field.bytes, window);
        }
      }
      break;
    }
    default: break;
    }
    if (status != TSDB_OK) return status;
  }
  return TSDB_OK;
}

tsdb_status tsdb_series_response_scan(const uint8_t *src, size_t src_size, tsdb_wire_window *window,
                                      tsdb_wire_notes *out_notes) {
  size_t series_before = window->series_count;
  tsdb_wire_notes notes = {0};
  tsdb_status status = message_scan((tsdb_bytes_view){src, src_size}, window, &notes);
  if (status != TSDB_OK) {
    window->series_count = series_before;
    return status;
  }
  *out_notes = notes;
  return TSDB_OK;
}

// MARK: Loose labels

/// Takes name and value, places 2 × count and behind, into the order of names.
static size_t label_insert(tsdb_bytes_view *labels, size_t count, tsdb_bytes_view name, tsdb_bytes_view value) {
  size_t place = count;
  while (place > 0) {
    int order = wire_bytes_compare(labels[2 * (place - 1)], name);
    if (order == 0) {
      labels[2 * place - 1] = value;
      return count;
    }
    if (order < 0) break;
    place--;
  }
  memmove(labels + 2 * (place + 1), labels + 2 * place, (count - place) * 2 * sizeof *labels);
  labels[2 * place] = name;
  labels[2 * place + 1] = value;
  return count + 1;
}

static uint8_t *bytes_put(uint8_t *dst, uint8_t tag, tsdb_bytes_view bytes) {
  *dst++ = tag;
  dst += tsdb_uvarint_put(dst, bytes.size);
  memcpy(dst, bytes.bytes, bytes.size);
  return dst + bytes.size;
}

static bool is_dropped(tsdb_bytes_view name, const tsdb_bytes_view *dropped, size_t dropped_count) {
  for (size_t index = 0; index < dropped_count; index++) {
    if (wire_bytes_compare(name, dropped[index]) == 0) return true;
  }
  return false;
}

tsdb_status tsdb_loose_labels_write(tsdb_bytes_view src, const tsdb_bytes_view *dropped, size_t dropped_count,
                                    tsdb_bytes_view *scratch, size_t scratch_capacity, uint8_t *dst,
                                    size_t dst_capacity, size_t *out_size) {
  size_t count = 0;
  wire_fields fields = wire_fields_of(src);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH || field.number != 1) continue;
    tsdb_bytes_view name, value;
    status = wire_label_get(field.bytes, &name, &value);
    if (status != TSDB_OK) return status;
    if (is_dropped(name, dropped, dropped_count)) continue;
    if (count >= scratch_capacity) return TSDB_ERR_CAPACITY;
    count = label_insert(scratch, count, name, value);
  }
  size_t size = 0;
  for (size_t label = 0; label < count; label++) {
    tsdb_bytes_view name = scratch[2 * label], value = scratch[2 * label + 1];
    if (value.size == 0 || name.size == 0) continue;
    size_t content = 2 + tsdb_uvarint_size(name.size) + name.size + tsdb_uvarint_size(value.size) + value.size;
    if (1 + tsdb_uvarint_size(content) + content > dst_capacity - size) return TSDB_ERR_CAPACITY;
    uint8_t *out = dst + size;
    *out++ = 0x0A;
    out += tsdb_uvarint_put(out, content);
    out = bytes_put(out, 0x0A, name);
    out = bytes_put(out, 0x12, value);
    size = (size_t)(out - dst);
  }
  *out_size = size;
  return TSDB_OK;
}

size_t tsdb_label_blobs_disorder(tsdb_bytes_view last, const tsdb_bytes_view *blobs, size_t count) {
  for (size_t index = 0; index < count; index++) {
    if (last.size > 0 && tsdb_label_blobs_compare(last, blobs[index]) > 0) return index;
    last = blobs[index];
  }
  return count;
}

tsdb_status tsdb_wire_aggregate_find(const uint8_t *src, size_t src_size, int aggregate, tsdb_bytes_view *out_data,
                                     uint8_t *out_encoding) {
  tsdb_bytes_view data = {src, 0};
  uint8_t encoding = 0;
  wire_fields fields = wire_fields_of((tsdb_bytes_view){src, src_size});
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH || field.number != (uint32_t)aggregate + 3) continue;
    if (encoding == 0) encoding = TSDB_CHUNK_XOR;
    status = wire_chunk_data_get(field.bytes, &data, &encoding);
    if (status != TSDB_OK) return status;
  }
  *out_data = data;
  *out_encoding = encoding;
  return TSDB_OK;
}
