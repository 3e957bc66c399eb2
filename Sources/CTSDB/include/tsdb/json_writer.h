// JSON of query results, byte for byte as Prometheus writes it: {"metric":{…},"values":[[1435781430.781,"1"],…]}.
//
// A row is written as often as the caller's buffer fills up, so that an answer streams: tsdb_json_points stops at a point that
// might not fit and goes on there the next time. What all series of an answer have in common, the times of the steps, is text
// that is made once (tsdb_json_times) and copied.
//
// Strings come in two kinds. Labels are escaped where JSON demands it and are otherwise the bytes they are. Texts (errors,
// warnings) are escaped for HTML too, and bytes that are not UTF-8 become U+FFFD.
#ifndef TSDB_JSON_WRITER_H
#define TSDB_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram_math.h"
#include "label_sets.h"
#include "status.h"
#include "window.h"

/// Bytes that a point may need of the destination to be written; a few more than it can have, for wide stores.
#define TSDB_JSON_POINT_BOUND 128

/// Bytes of one step's text in a tsdb_json_times table.
#define TSDB_JSON_TIME_SIZE 32

/// The longest text of a timestamp, bytes.
#define TSDB_JSON_TIMESTAMP_BOUND 21

/// Writes milliseconds as seconds: a whole number, and three decimals if it is not whole.
tsdb_status tsdb_json_timestamp(int64_t timestamp_ms, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Writes a value as a string: "1", "0.25", "1e-07", "NaN", "+Inf".
tsdb_status tsdb_json_value(double value, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Bytes that a string of `size` bytes may need.
static inline size_t tsdb_json_string_bound(size_t size) { return 6 * size + 2; }

/// Writes a string with its quotation marks; `is_text`: escaped for HTML, and made UTF-8.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY.
/// Cost:    about 0.3 ns a byte that needs no escape.
tsdb_status tsdb_json_string(const uint8_t *src, size_t src_size, bool is_text, uint8_t *dst, size_t dst_capacity,
                             size_t *out_size);

/// Bytes that the labels of a set of `size` bytes may need.
static inline size_t tsdb_json_labels_bound(size_t size) { return 6 * size + 2; }

/// Writes a label set as an object: {"__name__":"up","job":"node"}.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_MALFORMED; TSDB_ERR_CAPACITY.
tsdb_status tsdb_json_labels(const uint8_t *labels, size_t labels_size, uint8_t *dst, size_t dst_capacity,
                             size_t *out_size);

/// Makes the text of all steps' times.
///
/// Shapes:  out_times[grid->count * TSDB_JSON_TIME_SIZE].
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT for a bad grid.
tsdb_status tsdb_json_times(const tsdb_step_grid *grid, uint8_t *out_times);

/// Writes a row's points, separated by commas: [1,"2"],[3,"4"]. Steps without a result are left out.
///
/// Shapes:  row[count]; times[count * TSDB_JSON_TIME_SIZE]. *step is where to begin, and where to go on afterwards: count at the
///          end. `is_first`: no point of this row has been written before, so that none is preceded by a comma; it is cleared by
///          the first one.
/// Returns: TSDB_OK with *out_size bytes written, perhaps none; also if the destination is full.
/// Cost:    about 10 ns a point for whole numbers, 30 for others.
tsdb_status tsdb_json_points(const double *row, const uint8_t *times, size_t count, size_t *step, bool *is_first,
                             uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// As tsdb_json_points, with a time of its own for each value: a range selector's samples.
tsdb_status tsdb_json_samples(const int64_t *timestamps_ms, const double *values, size_t count, size_t *index,
                              bool *is_first, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Bytes that tsdb_json_series may need.
static inline size_t tsdb_json_series_bound(size_t labels_size, size_t count) {
  return tsdb_json_labels_bound(labels_size) + count * (TSDB_JSON_TIME_SIZE + 32) + TSDB_JSON_POINT_BOUND;
}

/// Writes a whole series of a matrix; without "values" if no step has a result.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_MALFORMED; TSDB_ERR_CAPACITY if dst_capacity is below tsdb_json_series_bound.
tsdb_status tsdb_json_series(const uint8_t *labels, size_t labels_size, const double *row, const uint8_t *times,
                             size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Bytes that a histogram may need.
static inline size_t tsdb_json_histogram_bound(const tsdb_histogram_view *histogram) {
  return 288 + 96 * ((size_t)histogram->positive_bucket_count + histogram->negative_bucket_count);
}

/// Writes a histogram: {"count":"3","sum":"1.5","buckets":[[0,"0.5","1","3"]]}. A bucket's first number tells which bounds
/// belong to it: 0 the upper one, 1 the lower one, 2 none, 3 both. Empty buckets are left out.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY if dst_capacity is below tsdb_json_histogram_bound.
tsdb_status tsdb_json_histogram(const tsdb_histogram_view *histogram, uint8_t *dst, size_t dst_capacity,
                                size_t *out_size);

#endif
