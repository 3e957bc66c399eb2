// What the readers of OpenTelemetry's metrics have in common: attributes, texts, labels. Internal.
#ifndef TSDB_OTLP_FIELDS_H
#define TSDB_OTLP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "short_bytes.h"
#include "tsdb/otlp_metrics.h"
#include "wire_samples_fields.h"

/// Numbers of fields in messages have 32 bits at most here; so have places in a reader's arrays.
#define OTLP_MESSAGE_SIZE_MAX ((size_t)INT32_MAX)

/// Whether a field that is known has another type than it must have.
#define OTLP_EXPECT(field, type) \
  do { \
    if ((field).wire != (type)) return TSDB_ERR_MALFORMED; \
  } while (0)

// ---- Room ---------------------------------------------------------------------------------------------------------------

/// An array of the reader has no room for so many more elements. What it holds is lost: the point is read again.
static inline tsdb_status otlp_full(tsdb_otlp_reader *reader, tsdb_otlp_array array, size_t wanted) {
  reader->full = array;
  reader->wanted = wanted;
  reader->is_shaped = false;
  return TSDB_ERR_CAPACITY;
}

/// Begins a call: whether the reader has some memory of everything, as places in it are pointers. Unless it tells otherwise, one of the columns is
/// what is full.
static inline tsdb_status otlp_reader_begin(tsdb_otlp_reader *reader) {
  reader->full = TSDB_OTLP_NONE;
  if (reader->attribute_capacity == 0) return otlp_full(reader, TSDB_OTLP_ATTRIBUTES, 1);
  return reader->text_capacity == 0 ? otlp_full(reader, TSDB_OTLP_TEXTS, 1) : TSDB_OK;
}

static inline tsdb_status otlp_texts_room(tsdb_otlp_reader *reader, size_t size) {
  return size <= reader->text_capacity - reader->text_size ? TSDB_OK : otlp_full(reader, TSDB_OTLP_TEXTS, size);
}

// ---- Labels as bytes ----------------------------------------------------------------------------------------------------

/// Bytes of a label of such a name and value at most: a tag and a length of it, of the name and of the value.
static inline size_t otlp_label_bound(size_t name_size, size_t value_size) { return 18 + name_size + value_size; }

static inline uint8_t *otlp_bytes_put(uint8_t *dst, tsdb_bytes_view bytes) {
  if (bytes.size > 0) short_bytes_copy(dst, bytes.bytes, bytes.size);
  return dst + bytes.size;
}

/// Writes a label whose value is the two pieces together.
static inline uint8_t *otlp_label_put(uint8_t *dst, tsdb_bytes_view name, tsdb_bytes_view value, tsdb_bytes_view more) {
  size_t size = value.size + more.size;
  dst = wire_length_put(dst, 1, wire_message_size(name.size) + wire_message_size(size));
  dst = wire_length_put(dst, 1, name.size);
  dst = otlp_bytes_put(dst, name);
  dst = wire_length_put(dst, 2, size);
  return otlp_bytes_put(otlp_bytes_put(dst, value), more);
}

// ---- Attributes (otlp_values.c) -----------------------------------------------------------------------------------------

/// Reads an attribute, its value not yet as text.
tsdb_status otlp_attribute_get(tsdb_bytes_view message, tsdb_otlp_attribute *out_attribute);

/// Puts it behind those that are there.
static inline tsdb_status otlp_attribute_push(tsdb_otlp_reader *reader, const tsdb_otlp_attribute *attribute) {
  if (reader->attribute_count >= reader->attribute_capacity) return otlp_full(reader, TSDB_OTLP_ATTRIBUTES, 1);
  reader->attributes[reader->attribute_count++] = *attribute;
  return TSDB_OK;
}

/// Makes the values of the attributes from `first` on texts, and moves value_bound by their sizes.
tsdb_status otlp_texts_make(tsdb_otlp_reader *reader, size_t first);

/// Fills order from `first` on with the places of the attributes from there on, by name, then by key, then by place.
void otlp_order_make(tsdb_otlp_reader *reader, size_t first);

/// The bytes as UTF-8: these, or repaired among the reader's texts.
tsdb_status otlp_utf8_of(tsdb_otlp_reader *reader, tsdb_bytes_view bytes, tsdb_bytes_view *out_text);

/// Writes the name of a label of a key, with escapes; dst has tsdb_otlp_label_name_bound. Returns whether more than underscores are left of it.
bool otlp_label_name_write(unsigned naming, tsdb_bytes_view key, uint8_t *dst, size_t *out_size);

// ---- Labels of a point (otlp_labels.c) ----------------------------------------------------------------------------------

static inline bool otlp_is_ignored(const tsdb_otlp_series *series, tsdb_bytes_view key) {
  for (size_t index = 0; index < series->ignored_count; index++) {
    if (short_bytes_equal(series->ignored[index], key)) return true;
  }
  return false;
}

/// Begins with the attributes of the next point. Those of the point before are known as long as `is_shaped`.
static inline void otlp_attributes_begin(tsdb_otlp_reader *reader) {
  reader->attribute_count = 0;
  reader->text_size = reader->is_shaped ? reader->shape_text_size : 0;
  reader->value_bound = 0;
}

/// Reads an attribute of a point, unless it is ignored.
tsdb_status otlp_point_attribute_get(tsdb_bytes_view message, const tsdb_otlp_series *series, tsdb_otlp_reader *reader);

/// Makes names, order and texts of the attributes of a point, all of which are there. Where a key makes no name, reader->reason says so.
tsdb_status otlp_attributes_end(const tsdb_otlp_series *series, tsdb_otlp_reader *reader);

/// Bytes that the labels may take.
static inline size_t otlp_labels_bound(const tsdb_otlp_reader *reader) {
  return reader->shape_bound + reader->value_bound;
}

/// Writes the labels of the point as a blob into dst, which has otlp_labels_bound. Values that have to be joined need texts.
tsdb_status otlp_labels_put(unsigned naming, tsdb_otlp_reader *reader, uint8_t *dst, size_t *out_size, bool *out_is_loose);

/// The same behind the labels of the columns.
tsdb_status otlp_blob_write(const tsdb_otlp_series *series, tsdb_otlp_reader *reader, tsdb_wire_samples *samples,
                            tsdb_bytes_view *out_blob, bool *out_is_loose);

/// Reads an exemplar, into the columns at `cursor` unless `is_left_out`. Where it has no value, reader->reason says so.
tsdb_status otlp_exemplar_get(tsdb_bytes_view message, bool is_left_out, tsdb_otlp_reader *reader,
                              tsdb_wire_samples *samples, samples_cursor *cursor);

// ---- Points (otlp_points.c, otlp_histograms.c) --------------------------------------------------------------------------

/// What fields of points are.
typedef enum otlp_role {
  ROLE_NONE,
  ROLE_ATTRIBUTES,
  ROLE_START,
  ROLE_TIME,
  ROLE_FLAGS,
  ROLE_DOUBLE,
  ROLE_INTEGER,
  ROLE_COUNT,
  ROLE_SUM,
  ROLE_BUCKETS,
  ROLE_BOUNDS,
  ROLE_SCALE,
  ROLE_ZERO_COUNT,
  ROLE_POSITIVE,
  ROLE_NEGATIVE,
  ROLE_QUANTILES,
  ROLE_EXEMPLARS,
} otlp_role;

enum {
  OTLP_FIELDS_MAX = 16,
  // Of a histogram with bounds.
  OTLP_HISTOGRAM_BUCKETS = 6,
  OTLP_HISTOGRAM_BOUNDS = 7,
};

/// A point without what it has several of.
typedef struct otlp_point {
  tsdb_bytes_view message;
  const uint8_t *roles;  ///< [OTLP_FIELDS_MAX] of its kind.
  uint64_t time_ns;
  uint64_t start_ns;
  double value;
  double sum;
  uint64_t count;
  uint64_t zero_count;
  int32_t scale;
  uint32_t seen;         ///< Roles of which there is a field, as bits.
  bool has_no_value;
} otlp_point;

static inline bool otlp_has(const otlp_point *point, otlp_role role) { return (point->seen >> role & 1) != 0; }

/// Nanoseconds as milliseconds, towards 1970.
static inline int64_t otlp_milliseconds(uint64_t time_ns) { return (int64_t)time_ns / 1000000; }

/// The next field of a point that has this role; false at the end. All fields have been looked at before.
static inline bool otlp_role_next(const otlp_point *point, otlp_role role, wire_fields *fields, wire_field *out_field) {
  while (fields->at < fields->end) {
    if (wire_field_get(fields, out_field) != TSDB_OK) return false;
    if (out_field->number < OTLP_FIELDS_MAX && point->roles[out_field->number] == role) return true;
  }
  return false;
}

/// Reads the native histogram of a point into the columns at `cursor`.
tsdb_status otlp_histogram_get(const otlp_point *point, const tsdb_otlp_series *series, tsdb_otlp_reader *reader,
                               tsdb_wire_samples *samples, samples_cursor *cursor);

#endif
