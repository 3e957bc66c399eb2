// Records of a chunk snapshot: the header says in its own file what the layout is.
#include "tsdb/chunk_snapshot.h"

#include "tsdb/chunk.h"
#include "tsdb/varint.h"
#include "wal_record_fields.h"

/// What stands before the last value of a chunk of floats: where older versions kept the three before it.
#define OLD_VALUES_SIZE 56

size_t tsdb_snapshot_labels_bound(size_t src_size) { return src_size / 2; }

static bool is_floats(uint8_t encoding) { return encoding == TSDB_CHUNK_XOR || encoding == TSDB_CHUNK_XOR2; }

static void read_chunk(tsdb_reader *reader, tsdb_snapshot_series *series) {
  series->min_ms = (int64_t)tsdb_reader_be64(reader);
  series->max_ms = (int64_t)tsdb_reader_be64(reader);
  series->encoding = tsdb_reader_u8(reader);
  series->data_size = (size_t)tsdb_reader_uvarint(reader);
  series->data_offset = reader->position;
  tsdb_reader_take(reader, series->data_size);
  if (reader->status != TSDB_OK) return;
  series->last_offset = reader->position;
  tsdb_wal_counts counts = {0};
  switch (series->encoding) {
  case TSDB_CHUNK_XOR:
  case TSDB_CHUNK_XOR2:
    tsdb_reader_take(reader, OLD_VALUES_SIZE);
    series->last_value = tsdb_double_of_bits(tsdb_reader_be64(reader));
    break;
  case TSDB_CHUNK_HISTOGRAM:
  case TSDB_CHUNK_HISTOGRAM_ST: tsdb_wal_histogram_body_walk(reader, false, &counts, NULL, NULL); break;
  case TSDB_CHUNK_FLOAT_HISTOGRAM:
  case TSDB_CHUNK_FLOAT_HISTOGRAM_ST: tsdb_wal_histogram_body_walk(reader, true, &counts, NULL, NULL); break;
  default: reader->status = TSDB_ERR_ENCODING;
  }
  series->last_size = reader->position - series->last_offset;
}

tsdb_status tsdb_snapshot_series_read(const uint8_t *src, size_t src_size, tsdb_snapshot_series *out_series,
                                      tsdb_wal_text *texts, size_t capacity) {
  if (src_size > UINT32_MAX) return TSDB_ERR_SIZE;
  tsdb_reader reader = tsdb_reader_make(src, src_size);
  if (tsdb_reader_u8(&reader) != TSDB_SNAPSHOT_SERIES) return src_size == 0 ? TSDB_ERR_TRUNCATED : TSDB_ERR_ARGUMENT;
  tsdb_snapshot_series series = {0};
  series.series_ref = tsdb_reader_be64(&reader);
  series.label_count = tsdb_wal_labels_walk(&reader, texts, capacity);
  tsdb_reader_be64(&reader);
  series.has_chunk = tsdb_reader_uvarint(&reader) != 0;
  if (series.has_chunk && reader.status == TSDB_OK) read_chunk(&reader, &series);
  if (reader.status != TSDB_OK) return reader.status;
  if (series.label_count > capacity) return TSDB_ERR_CAPACITY;
  *out_series = series;
  return TSDB_OK;
}

size_t tsdb_snapshot_series_bound(size_t label_count, size_t text_size, size_t data_size, size_t last_size) {
  size_t size = 1 + 8 + 10 + 8 + 1 + 16 + 1 + 10 + OLD_VALUES_SIZE + 8, part;
  if (__builtin_mul_overflow(label_count, (size_t)20, &part) || __builtin_add_overflow(size, part, &size)) return SIZE_MAX;
  if (__builtin_add_overflow(size, text_size, &size) || __builtin_add_overflow(size, data_size, &size)) return SIZE_MAX;
  return __builtin_add_overflow(size, last_size, &size) ? SIZE_MAX : size;
}

tsdb_status tsdb_snapshot_series_write(const tsdb_snapshot_series *series, const tsdb_wal_text *texts, const uint8_t *text,
                                       const uint8_t *data, const uint8_t *last, uint8_t *dst, size_t dst_capacity,
                                       size_t *out_size) {
  tsdb_wal_output output = {dst, dst_capacity, 0, false};
  tsdb_wal_put_u8(&output, TSDB_SNAPSHOT_SERIES);
  tsdb_wal_put_be64(&output, series->series_ref);
  tsdb_wal_put_labels(&output, texts, series->label_count, text);
  tsdb_wal_put_be64(&output, 0);
  tsdb_wal_put_uvarint(&output, series->has_chunk);
  if (series->has_chunk) {
    tsdb_wal_put_be64(&output, (uint64_t)series->min_ms);
    tsdb_wal_put_be64(&output, (uint64_t)series->max_ms);
    tsdb_wal_put_u8(&output, series->encoding);
    tsdb_wal_put_bytes(&output, data, series->data_size);
    if (is_floats(series->encoding)) {
      for (size_t byte = 0; byte < OLD_VALUES_SIZE; byte++) tsdb_wal_put_u8(&output, 0);
      tsdb_wal_put_be64(&output, tsdb_bits_of_double(series->last_value));
    } else if (tsdb_wal_output_has_room(&output, series->last_size)) {
      if (series->last_size > 0) memcpy(output.dst + output.size, last, series->last_size);
      output.size += series->last_size;
    }
  }
  if (output.is_full) return TSDB_ERR_CAPACITY;
  *out_size = output.size;
  return TSDB_OK;
}

tsdb_status tsdb_snapshot_tombstones_find(const uint8_t *src, size_t src_size, size_t *out_offset, size_t *out_size) {
  tsdb_reader reader = tsdb_reader_make(src, src_size);
  if (tsdb_reader_u8(&reader) != TSDB_SNAPSHOT_TOMBSTONES)
    return reader.status != TSDB_OK ? reader.status : TSDB_ERR_ARGUMENT;
  uint64_t size = tsdb_reader_uvarint(&reader);
  size_t offset = reader.position;
  tsdb_reader_take(&reader, size);
  if (reader.status != TSDB_OK) return reader.status;
  *out_offset = offset;
  *out_size = (size_t)size;
  return TSDB_OK;
}
