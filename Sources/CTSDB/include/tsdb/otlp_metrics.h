// OpenTelemetry's metrics (`ExportMetricsServiceRequest`) from bytes to columns (wire_samples.h), as Prometheus 3.14 takes them in.
//
//   request           0A L resource metrics | …
//   resource metrics  0A L (0A L attribute | …)                          12 L scope metrics | …
//   scope metrics     0A L (0A n name  12 n version  1A L attribute | …) 12 L metric | …    1A n schema URL
//   metric            0A n name  12 n description  1A n unit             2A gauge, 3A sum, 4A histogram, 52 exponential histogram, 5A summary
//   each of these     0A L point | …   10 temporality   18 is monotonic
//   attribute         0A n key   12 L value
//
// The caller goes from message to message (tsdb_otlp_next) and makes what is there once a resource, a scope or a metric: names, labels that all
// points of a metric have. Points are read here, with their attributes, each into a series or several of one sample.
// docs/formats/otlp-metrics.md says what becomes of what.
#ifndef TSDB_OTLP_METRICS_H
#define TSDB_OTLP_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "series_response.h"
#include "status.h"
#include "wire_samples.h"

// MARK: Names

/// How names of labels are made, as bits.
typedef enum tsdb_otlp_naming {
  TSDB_OTLP_ESCAPES = 1,               ///< Characters outside [a-zA-Z0-9_] become underscores; without, the others mean nothing.
  TSDB_OTLP_PREFIXES_UNDERSCORES = 2,  ///< `key` comes before a name that begins with one underscore.
  TSDB_OTLP_KEEPS_UNDERSCORES = 4,     ///< Several underscores in a row stay several.
} tsdb_otlp_naming;

/// Bytes that the name of a label may take.
static inline size_t tsdb_otlp_label_name_bound(size_t key_size) { return key_size + 4; }

/// Makes the name of a label of the key of an attribute, with escapes.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_MALFORMED where only underscores are left of it, which are written; TSDB_ERR_CAPACITY where dst is
///          smaller than the bound.
tsdb_status tsdb_otlp_label_name(unsigned naming, tsdb_bytes_view key, uint8_t *dst, size_t dst_capacity,
                                 size_t *out_size);

// MARK: Messages

/// The next field `number` of a message, which is a message, a string or bytes, from *position on, which the caller begins with 0.
///
/// Returns: TSDB_OK with *out_bytes, whose bytes are NULL at the end; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED, also for a field of another type.
tsdb_status tsdb_otlp_next(tsdb_bytes_view message, uint32_t number, size_t *position, tsdb_bytes_view *out_bytes);

/// Kinds of metrics, by the numbers of their fields.
typedef enum tsdb_otlp_kind {
  TSDB_OTLP_NOTHING = 0,
  TSDB_OTLP_GAUGE = 5,
  TSDB_OTLP_SUM = 7,
  TSDB_OTLP_HISTOGRAM = 9,
  TSDB_OTLP_EXPONENTIAL_HISTOGRAM = 10,
  TSDB_OTLP_SUMMARY = 11,
} tsdb_otlp_kind;

/// A metric without its points.
typedef struct tsdb_otlp_metric {
  tsdb_bytes_view name;
  tsdb_bytes_view description;
  tsdb_bytes_view unit;
  tsdb_otlp_kind kind;
  int32_t temporality;     ///< 0 not told, 1 delta, 2 cumulative.
  bool is_monotonic;
  size_t data_position;    ///< From where on tsdb_otlp_next finds the messages with its points, whose field is `kind`.
} tsdb_otlp_metric;

/// Reads a metric. Of several kinds the last one counts.
///
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED.
tsdb_status tsdb_otlp_metric_get(tsdb_bytes_view message, tsdb_otlp_metric *out_metric);

// MARK: Attributes

/// An attribute.
typedef struct tsdb_otlp_attribute {
  tsdb_bytes_view key;   ///< UTF-8.
  tsdb_bytes_view name;  ///< The label that it becomes.
  tsdb_bytes_view text;  ///< Its value as text, UTF-8.
  uint64_t number;       ///< Of a value that is one; internal.
  uint32_t kind;         ///< Which; internal.
} tsdb_otlp_attribute;

/// What is written of each point: a label that all have, or that attributes of one name become.
typedef struct tsdb_otlp_step {
  tsdb_bytes_view head;      ///< The label up to its value; a label that all have as a whole. Internal.
  tsdb_bytes_view fallback;  ///< A label that takes the place of an empty one. Internal.
  uint32_t first;            ///< Its attributes are those of order[first] … order[first + count - 1], by key.
  uint32_t count;
  uint8_t is_nameless;
  uint8_t collision;         ///< 1: the values of several attributes were joined, which has not been told yet. The caller makes it 2.
} tsdb_otlp_step;

/// Which array of a reader is full.
typedef enum tsdb_otlp_array {
  TSDB_OTLP_NONE,        ///< One of the columns is: tsdb_wire_samples says which.
  TSDB_OTLP_ATTRIBUTES,  ///< attributes and order.
  TSDB_OTLP_STEPS,
  TSDB_OTLP_TEXTS,
} tsdb_otlp_array;

/// Why the rest of a metric was left out.
typedef enum tsdb_otlp_reason {
  TSDB_OTLP_TAKEN,
  TSDB_OTLP_LABEL_NAME,   ///< An attribute's key, `refused_key`, makes no name of a label.
  TSDB_OTLP_EXEMPLAR,     ///< An exemplar has no value.
  TSDB_OTLP_SCALE,        ///< An exponential histogram is too coarse: `refused_scale`.
} tsdb_otlp_reason;

/// What points are read with. Arrays are the caller's, who may make them larger between two calls, without keeping what was in them.
/// All zeroes at first.
typedef struct tsdb_otlp_reader {
  tsdb_otlp_attribute *attributes;  ///< [attribute_capacity]
  uint32_t *order;                  ///< [attribute_capacity]
  size_t attribute_count, attribute_capacity;
  tsdb_otlp_step *steps;            ///< [step_capacity]
  size_t step_count, step_capacity;
  uint8_t *texts;
  size_t text_size, text_capacity;
  tsdb_otlp_array full;             ///< On TSDB_ERR_CAPACITY: which array is full,
  size_t wanted;                    ///< and how many more elements at least it needs.

  uint64_t earliest_ns, latest_ns;  ///< The caller sets them to UINT64_MAX and 0; each point moves them.
  size_t point_count;               ///< How many there were; the caller sets it to 0.
  tsdb_otlp_reason reason;          ///< The caller sets it to TSDB_OTLP_TAKEN before each metric.
  tsdb_bytes_view refused_key;
  int32_t refused_scale;
  bool has_collision;               ///< Steps have some that have to be told.
  bool has_odd_sum;                 ///< A histogram has no observations, but the sum `odd_sum`.
  double odd_sum;

  bool is_shaped;                   ///< These five are internal: names, order and steps are those of the point before.
  size_t shape_count, shape_text_size, shape_bound, value_bound;
} tsdb_otlp_reader;

/// Reads the attributes of a message within a message: those of resource metrics (`attributes_number` 1) or scope metrics (3), whose field 1 has them.
///
/// Returns: TSDB_OK with reader->attributes[attribute_count], keys and texts, which stay until the reader is used again; TSDB_ERR_CAPACITY where
///          reader->full is; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED, TSDB_ERR_SIZE.
/// Cost:    O(bytes); no allocation.
tsdb_status tsdb_otlp_attributes_read(tsdb_bytes_view message, uint32_t attributes_number, tsdb_otlp_reader *reader);

// MARK: Points

/// A label that all points of a metric have.
typedef struct tsdb_otlp_label {
  tsdb_bytes_view name;
  tsdb_bytes_view value;  ///< Empty: attributes of this name become no label.
  bool yields;            ///< An attribute of this name takes its place, unless its value is empty.
} tsdb_otlp_label;

/// What points become.
typedef enum tsdb_otlp_form {
  TSDB_OTLP_LEFT_OUT,     ///< Nothing: their times count.
  TSDB_OTLP_FLOATS,       ///< A float each.
  TSDB_OTLP_CLASSIC,      ///< _sum, _count and _bucket of a histogram's.
  TSDB_OTLP_NATIVE,       ///< A native histogram each.
  TSDB_OTLP_QUANTILES,    ///< _sum, _count and quantiles of a summary's.
} tsdb_otlp_form;

/// What becomes of a metric's points.
typedef struct tsdb_otlp_series {
  tsdb_otlp_kind kind;
  tsdb_otlp_form form;
  unsigned naming;                  ///< tsdb_otlp_naming.
  bool is_delta;
  tsdb_bytes_view family;           ///< Their name, to which _sum and the like are appended; where nothing is, it is among labels too.
  const tsdb_otlp_label *labels;    ///< [label_count]: ascending by name, each once.
  size_t label_count;
  const tsdb_bytes_view *ignored;   ///< [ignored_count]: keys of attributes that become no labels.
  size_t ignored_count;
  tsdb_bytes_view help;             ///< These three are the metadata of each series.
  tsdb_bytes_view unit;
  uint32_t type;
} tsdb_otlp_series;

/// Appends the points of a gauge, a sum, a histogram or a summary to the columns, from *position on, which the caller begins with 0: series of
/// one sample each, with labels, exemplars and metadata, in Prometheus' order. Labels are written into samples->label_bytes.
///
/// Returns: TSDB_OK with *position == data.size, or, where has_collision or has_odd_sum, maybe earlier: the caller clears them and goes on.
///          Where reader->reason says why, points behind are left out. TSDB_ERR_CAPACITY where an array of the reader or of the columns is
///          full: all before *position has been read, and the call can be made again with a larger one. TSDB_ERR_TRUNCATED,
///          TSDB_ERR_MALFORMED for bytes that are no such message; TSDB_ERR_SIZE where numbers of 32 bits do not suffice. On error what has been
///          appended before stays.
/// Cost:    O(bytes), and for labels that are not in order their sorting; no allocation.
tsdb_status tsdb_otlp_points_read(tsdb_bytes_view data, size_t *position, const tsdb_otlp_series *series,
                                  tsdb_otlp_reader *reader, tsdb_wire_samples *samples);

/// Writes the labels that the attributes of a message within a message (as tsdb_otlp_attributes_read has it) become as those of a point do.
///
/// Returns: TSDB_OK with the blob, which is in samples->label_bytes, unless reader->reason says why there is none; else as
///          tsdb_otlp_points_read.
tsdb_status tsdb_otlp_labels_write(tsdb_bytes_view message, uint32_t attributes_number, const tsdb_otlp_series *series,
                                   tsdb_otlp_reader *reader, tsdb_wire_samples *samples, tsdb_bytes_view *out_blob);

#endif
