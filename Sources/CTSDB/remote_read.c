// Remote read: the header says how it lies.
#include "tsdb/remote_read.h"

#include "time_series.h"
#include "tsdb/chunk.h"
#include "tsdb/crc32c.h"
#include "wire_labels.h"
#include "wire_samples_fields.h"

// MARK: Samples

tsdb_status tsdb_read_response_next(const uint8_t *src, size_t src_size, size_t *position, tsdb_bytes_view *out_result) {
  wire_fields fields = wire_fields_of((tsdb_bytes_view){src, src_size});
  fields.at += *position;
  *out_result = (tsdb_bytes_view){0};
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    *position = src_size - (size_t)(fields.end - fields.at);
    if (field.number != 1 || field.wire != WIRE_LENGTH) continue;
    *out_result = field.bytes;
    return TSDB_OK;
  }
  return TSDB_OK;
}

/// Bytes of the series of one query.
static size_t result_size(const tsdb_wire_samples *samples, size_t first, size_t end) {
  size_t size = 0;
  for (size_t series = first; series < end; series++) size += wire_message_size(time_series_size(samples, series));
  return size;
}

size_t tsdb_read_response_size(const tsdb_wire_samples *samples, const size_t *result_ends, size_t result_count) {
  size_t size = 0, first = 0;
  for (size_t result = 0; result < result_count; first = result_ends[result++]) {
    size += wire_message_size(result_size(samples, first, result_ends[result]));
  }
  return size;
}

tsdb_status tsdb_read_response_write(const tsdb_wire_samples *samples, const size_t *result_ends, size_t result_count,
                                     uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  const uint8_t *start = dst;
  size_t left = dst_capacity, first = 0;
  for (size_t result = 0; result < result_count; first = result_ends[result++]) {
    size_t content = result_size(samples, first, result_ends[result]), size = wire_message_size(content);
    if (size > left) return TSDB_ERR_CAPACITY;
    left -= size;
    dst = wire_length_put(dst, 1, content);
    for (size_t series = first; series < result_ends[result]; series++) {
      if (time_series_is_loose(samples, series)) return TSDB_ERR_ORDER;
      dst = time_series_put(dst, 1, time_series_size(samples, series), samples, series);
    }
  }
  *out_size = (size_t)(dst - start);
  return TSDB_OK;
}

// MARK: Chunks

tsdb_status tsdb_read_frame_next(const uint8_t *src, size_t src_size, size_t *position, size_t size_max,
                                 tsdb_bytes_view *out_message) {
  size_t at = *position, left = src_size - at;
  uint64_t size;
  size_t length = left == 0 ? 0 : tsdb_uvarint_get(src + at, left, &size);
  if (length == 0) return left < TSDB_UVARINT_SIZE_MAX ? TSDB_ERR_TRUNCATED : TSDB_ERR_MALFORMED;
  if (size > size_max) return TSDB_ERR_SIZE;
  at += length;
  if (src_size - at < 4 || src_size - at - 4 < size) return TSDB_ERR_TRUNCATED;
  uint32_t checksum = tsdb_load_be32(src + at);
  at += 4;
  if (tsdb_crc32c(0, src + at, (size_t)size) != checksum) return TSDB_ERR_CHECKSUM;
  *out_message = (tsdb_bytes_view){src + at, (size_t)size};
  *position = at + (size_t)size;
  return TSDB_OK;
}

/// Reads a `Chunk` as the next one of the window.
static tsdb_status chunk_scan(tsdb_bytes_view message, tsdb_wire_window *window, size_t chunk) {
  if (chunk >= window->chunks_capacity || chunk >= UINT32_MAX) return TSDB_ERR_CAPACITY;
  uint64_t min_time = 0, max_time = 0, type = 0;
  tsdb_bytes_view data = {message.bytes, 0};
  wire_fields fields = wire_fields_of(message);
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire == WIRE_VARINT) {
      if (field.number == 1) min_time = field.value;
      if (field.number == 2) max_time = field.value;
      if (field.number == 3) type = field.value;
    } else if (field.number == 4 && field.wire == WIRE_LENGTH) {
      data = field.bytes;
    }
  }
  if (type < TSDB_CHUNK_XOR || type > TSDB_CHUNK_FLOAT_HISTOGRAM_ST) return TSDB_ERR_ENCODING;
  if (data.size > UINT32_MAX) return TSDB_ERR_MALFORMED;
  window->min_times_ms[chunk] = (int64_t)min_time;
  window->max_times_ms[chunk] = (int64_t)max_time;
  window->data[chunk] = data.bytes;
  window->sizes[chunk] = (uint32_t)data.size;
  window->encodings[chunk] = (uint8_t)type;
  return TSDB_OK;
}

/// Reads a `ChunkedSeries` as the next one of the window.
static tsdb_status series_scan(tsdb_bytes_view message, tsdb_wire_window *window) {
  size_t series = window->series_count;
  if (series >= window->series_capacity) return TSDB_ERR_CAPACITY;
  size_t chunk = window->chunk_offsets[series], labels_size = wire_plain_labels_size(message);
  bool is_loose = false;
  wire_fields fields = wire_fields_of(message);
  fields.at += labels_size;
  while (fields.at < fields.end) {
    wire_field field;
    tsdb_status status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) return status;
    if (field.wire != WIRE_LENGTH) continue;
    if (field.number == 1) is_loose = true;
    if (field.number != 2) continue;
    status = chunk_scan(field.bytes, window, chunk);
    if (status != TSDB_OK) return status;
    chunk++;
  }
  window->blobs[series] = (tsdb_bytes_view){message.bytes, is_loose ? message.size : labels_size};
  window->is_loose[series] = is_loose;
  window->chunk_offsets[series + 1] = (uint32_t)chunk;
  window->series_count++;
  return TSDB_OK;
}

tsdb_status tsdb_read_chunks_scan(const uint8_t *src, size_t src_size, tsdb_wire_window *window, uint64_t *out_query) {
  size_t series_before = window->series_count;
  uint64_t query = 0;
  tsdb_status status = TSDB_OK;
  wire_fields fields = wire_fields_of((tsdb_bytes_view){src, src_size});
  while (status == TSDB_OK && fields.at < fields.end) {
    wire_field field;
    status = wire_field_get(&fields, &field);
    if (status != TSDB_OK) break;
    if (field.number == 1 && field.wire == WIRE_LENGTH) status = series_scan(field.bytes, window);
    if (field.number == 2 && field.wire == WIRE_VARINT) query = field.value;
  }
  if (status != TSDB_OK) {
    window->series_count = series_before;
    return status;
  }
  *out_query = query;
  return TSDB_OK;
}

static size_t chunk_size(const tsdb_wire_chunk *chunk) {
  size_t size = wire_number_size((uint64_t)chunk->min_time_ms) + wire_number_size((uint64_t)chunk->max_time_ms) +
                wire_number_size(chunk->encoding);
  return chunk->size == 0 ? size : size + wire_message_size(chunk->size);
}

/// Bytes of a `ChunkedSeries` without tag and length.
static size_t series_size(tsdb_bytes_view labels, const tsdb_wire_chunk *chunks, size_t chunk_count) {
  size_t size = labels.size;
  for (size_t chunk = 0; chunk < chunk_count; chunk++) size += wire_message_size(chunk_size(&chunks[chunk]));
  return size;
}

/// Bytes of the labels without the tags and lengths of each: what Prometheus counts.
static size_t labels_content_size(tsdb_bytes_view labels) {
  size_t size = 0, position = 0, start = 0;
  tsdb_bytes_view name, value;
  for (; tsdb_label_blob_next(labels, &position, &name, &value); start = position) {
    size_t all = position - start, content = wire_message_size(name.size) + wire_message_size(value.size);
    size += content < all ? content : all;
  }
  return size;
}

size_t tsdb_read_frame_measure(tsdb_bytes_view labels, const tsdb_wire_chunk *chunks, size_t chunk_count,
                               size_t size_limit, size_t *out_count) {
  size_t counted = labels_content_size(labels), count = 0;
  while (count < chunk_count) {
    counted += chunk_size(&chunks[count++]);
    if (counted >= size_limit) break;
  }
  *out_count = count;
  size_t message = wire_message_size(series_size(labels, chunks, count)) + 1 + TSDB_UVARINT_SIZE_MAX;
  return tsdb_uvarint_size(message) + 4 + message;
}

tsdb_status tsdb_read_frame_write(tsdb_bytes_view labels, const tsdb_wire_chunk *chunks, size_t chunk_count,
                                  uint64_t query, uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  size_t series = series_size(labels, chunks, chunk_count), size = wire_message_size(series) + wire_number_size(query);
  size_t head = tsdb_uvarint_size(size) + 4;
  if (head > dst_capacity || size > dst_capacity - head) return TSDB_ERR_CAPACITY;
  uint8_t *checksum = dst + tsdb_uvarint_put(dst, size), *message = checksum + 4, *out = message;
  out = wire_length_put(out, 1, series);
  if (labels.size > 0) memcpy(out, labels.bytes, labels.size);
  out += labels.size;
  for (size_t index = 0; index < chunk_count; index++) {
    const tsdb_wire_chunk *chunk = &chunks[index];
    if (chunk->encoding < TSDB_CHUNK_XOR || chunk->encoding > TSDB_CHUNK_FLOAT_HISTOGRAM_ST) return TSDB_ERR_ENCODING;
    out = wire_length_put(out, 2, chunk_size(chunk));
    out = wire_number_put(out, 1, (uint64_t)chunk->min_time_ms);
    out = wire_number_put(out, 2, (uint64_t)chunk->max_time_ms);
    out = wire_number_put(out, 3, chunk->encoding);
    if (chunk->size > 0) out = wire_bytes_put(out, 4, (tsdb_bytes_view){chunk->data, chunk->size});
  }
  out = wire_number_put(out, 2, query);
  tsdb_store_be32(checksum, tsdb_crc32c(0, message, size));
  *out_size = (size_t)(out - dst);
  return TSDB_OK;
}
