// Fields that several kinds of records of write-ahead logs and chunk snapshots have. Internal to the core.
#ifndef WAL_RECORD_FIELDS_H
#define WAL_RECORD_FIELDS_H

#include "tsdb/varint.h"
#include "tsdb/wal_records.h"

/// How an entry of the second version says what its start timestamp is.
enum { TSDB_WAL_START_NONE = 0, TSDB_WAL_START_SAME = 1, TSDB_WAL_START_EXPLICIT = 2 };

/// Reads a set of labels, and keeps the texts of the first `capacity` ones, two a label, unless `texts` is NULL. Returns how many
/// there are; an error sticks to the reader.
size_t tsdb_wal_labels_walk(tsdb_reader *reader, tsdb_wal_text *texts, size_t capacity);

/// Reads the numbers of one histogram as entry counts->entries of `columns`, or only counts them where that is NULL.
void tsdb_wal_histogram_body_walk(tsdb_reader *reader, bool is_float, tsdb_wal_counts *counts,
                                  const tsdb_wal_counts *capacity, const tsdb_wal_histograms *columns);

/// Bytes to be written, and whether they fit. What does not fit is not written; `is_full` sticks.
typedef struct tsdb_wal_output {
  uint8_t *dst;
  size_t capacity;
  size_t size;
  bool is_full;
} tsdb_wal_output;

/// Whether `size` bytes more fit.
static inline bool tsdb_wal_output_has_room(tsdb_wal_output *output, size_t size) {
  if (output->is_full || size > output->capacity - output->size) output->is_full = true;
  return !output->is_full;
}

static inline void tsdb_wal_put_u8(tsdb_wal_output *output, uint8_t value) {
  if (tsdb_wal_output_has_room(output, 1)) output->dst[output->size++] = value;
}

static inline void tsdb_wal_put_be64(tsdb_wal_output *output, uint64_t value) {
  if (!tsdb_wal_output_has_room(output, 8)) return;
  tsdb_store_be64(output->dst + output->size, value);
  output->size += 8;
}

static inline void tsdb_wal_put_uvarint(tsdb_wal_output *output, uint64_t value) {
  if (tsdb_wal_output_has_room(output, tsdb_uvarint_size(value)))
    output->size += tsdb_uvarint_put(output->dst + output->size, value);
}

static inline void tsdb_wal_put_varint(tsdb_wal_output *output, int64_t value) {
  tsdb_wal_put_uvarint(output, tsdb_zigzag_encode(value));
}

static inline void tsdb_wal_put_bytes(tsdb_wal_output *output, const uint8_t *bytes, size_t size) {
  tsdb_wal_put_uvarint(output, size);
  if (!tsdb_wal_output_has_room(output, size)) return;
  if (size > 0) memcpy(output->dst + output->size, bytes, size);
  output->size += size;
}

/// A set of `count` labels.
static inline void tsdb_wal_put_labels(tsdb_wal_output *output, const tsdb_wal_text *texts, size_t count,
                                       const uint8_t *text) {
  tsdb_wal_put_uvarint(output, count);
  for (size_t index = 0; index < 2 * count; index++)
    tsdb_wal_put_bytes(output, text + texts[index].offset, texts[index].size);
}

#endif
