// The text formats in which programs show their metrics, read into columns: Prometheus' text (0.0.4, and 1.0.0 with its quoted names)
// and OpenMetrics 1.0.
//
//   # TYPE http_requests counter                  metadata   │ kind, name, text      where they lie in the text
//   http_requests_total{code="200"} 17 1.5        samples    │ series, value, time, flags
//   http_requests_total{code="200"} 18 2.5        series     │ label blobs (series_response.h), one behind the other
//   # EOF
//
// A line that begins with the very bytes of the one before is of the same series, and its labels are not looked at again.
// docs/formats/exposition.md has the grammars, what of Prometheus' own readers is not followed, and an example.
#ifndef TSDB_EXPOSITION_H
#define TSDB_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "float_text.h"
#include "series_response.h"
#include "status.h"

typedef enum tsdb_exposition_format {
  TSDB_EXPOSITION_TEXT = 0,         ///< Prometheus' own: blanks anywhere, times in milliseconds, remarks.
  TSDB_EXPOSITION_OPENMETRICS = 1,  ///< One blank between parts, times in seconds, exemplars, `# EOF` at the end.
} tsdb_exposition_format;

/// What the caller wishes, as bits.
enum {
  TSDB_EXPOSITION_REQUIRES_TIMESTAMPS = 1,  ///< A sample without a time is refused.
  TSDB_EXPOSITION_ALLOWS_NAMELESS = 2,      ///< Series need no metric name, as long as they have a label.
};

/// What is known about a sample, as bits of its flags.
enum {
  TSDB_EXPOSITION_HAS_TIMESTAMP = 1,  ///< Its line has a time; else timestamps_ms is 0 there.
  TSDB_EXPOSITION_SAME_SERIES = 2,    ///< Its line begins with the very bytes of the one before; not told over two calls.
  TSDB_EXPOSITION_HAS_EXEMPLAR = 4,   ///< Its line has an exemplar, which was checked.
};

/// Why a line is refused.
typedef enum tsdb_exposition_reason {
  TSDB_EXPOSITION_ACCEPTED = 0,
  TSDB_EXPOSITION_EMPTY_LINE,
  TSDB_EXPOSITION_NO_SERIES,           ///< Neither a name nor a brace at `refused`.
  TSDB_EXPOSITION_NO_LABEL_NAME,       ///< No label name at `refused`; likewise the next three.
  TSDB_EXPOSITION_NO_EQUALS_SIGN,
  TSDB_EXPOSITION_NO_LABEL_VALUE,
  TSDB_EXPOSITION_NO_SEPARATOR,        ///< Neither a comma nor a closing brace.
  TSDB_EXPOSITION_OPEN_QUOTES,         ///< The text in quotes that begins at `refused` does not end in its line.
  TSDB_EXPOSITION_DUPLICATE_LABEL,     ///< `refused` is its name.
  TSDB_EXPOSITION_NOT_UTF8,
  TSDB_EXPOSITION_NO_LABELS,           ///< A series without a name and without labels.
  TSDB_EXPOSITION_NO_METRIC_NAME,
  TSDB_EXPOSITION_NO_VALUE,            ///< No value at `refused`.
  TSDB_EXPOSITION_BAD_VALUE,           ///< `refused` is no number, or one beyond what a double holds.
  TSDB_EXPOSITION_NO_TIMESTAMP,
  TSDB_EXPOSITION_BAD_TIMESTAMP,       ///< `refused` is no time, or one beyond what 64 bits of milliseconds hold.
  TSDB_EXPOSITION_TRAILING_TEXT,       ///< Something else begins at `refused`.
  TSDB_EXPOSITION_NO_EXEMPLAR_VALUE,
  TSDB_EXPOSITION_BAD_EXEMPLAR_TIMESTAMP,
  TSDB_EXPOSITION_BAD_COMMENT,         ///< OpenMetrics knows `# TYPE`, `# HELP`, `# UNIT` and `# EOF` alone.
  TSDB_EXPOSITION_NO_METADATA_NAME,    ///< No name behind `refused`, which is `# TYPE ` or its like.
  TSDB_EXPOSITION_NO_METADATA_BLANK,   ///< No blank behind the name.
  TSDB_EXPOSITION_BAD_TYPE,            ///< `refused` is no type.
  TSDB_EXPOSITION_BAD_UNIT,            ///< The unit is not the end of the name.
  TSDB_EXPOSITION_NO_LINE_FEED,        ///< A sample of OpenMetrics whose line does not end.
  TSDB_EXPOSITION_AFTER_END,           ///< Something behind `# EOF`.
} tsdb_exposition_reason;

typedef enum tsdb_exposition_metadata_kind {
  TSDB_EXPOSITION_TYPE,
  TSDB_EXPOSITION_HELP,
  TSDB_EXPOSITION_UNIT,
} tsdb_exposition_metadata_kind;

/// A line of metadata. Both texts lie in the bytes that were read, as they are written there: see tsdb_exposition_unescape.
typedef struct tsdb_exposition_metadata {
  tsdb_bytes_view name;  ///< Without its quotes.
  tsdb_bytes_view text;
  uint8_t kind;          ///< tsdb_exposition_metadata_kind.
  uint8_t type;          ///< Of a TYPE: as in wire_samples.h, 0 where it is not known.
} tsdb_exposition_metadata;

/// A name or a value as it is written, and how long it is without its escapes.
typedef struct tsdb_exposition_text {
  const uint8_t *bytes;
  size_t size;
  size_t plain_size;
} tsdb_exposition_text;

/// A label of the line that is being read.
typedef struct tsdb_exposition_label {
  tsdb_exposition_text name;
  tsdb_exposition_text value;
} tsdb_exposition_label;

/// Which of the arrays is full.
typedef enum tsdb_exposition_array {
  TSDB_EXPOSITION_SAMPLES,
  TSDB_EXPOSITION_SERIES,
  TSDB_EXPOSITION_BLOBS,
  TSDB_EXPOSITION_LABELS,
  TSDB_EXPOSITION_METADATA,
} tsdb_exposition_array;

/// The columns. All arrays are the caller's, who may make them larger between two calls; counts are what is filled.
typedef struct tsdb_exposition {
  uint32_t *series;         ///< These four [sample_capacity]. Which series the sample is of.
  int64_t *timestamps_ms;
  double *values;           ///< NaN is the one of 0x7FF8000000000001, however it is written.
  uint8_t *flags;
  size_t sample_count, sample_capacity;
  uint32_t *blob_offsets;   ///< [series_capacity + 1]: where each series' label blob begins; the caller sets the first one to 0.
  size_t series_count, series_capacity;
  uint8_t *blobs;           ///< [blob_capacity]
  size_t blob_capacity;
  tsdb_exposition_metadata *metadata;
  size_t metadata_count, metadata_capacity;
  tsdb_exposition_label *labels;  ///< [label_capacity]: room for the labels of one line.
  size_t label_capacity;

  uint8_t type;             ///< The type that the last TYPE of all calls told, as in wire_samples.h; 0 before the first.
  uint8_t number[TSDB_FLOAT_TEXT_BOUND + 2];  ///< Room for a bound or a quantile that is written anew.

  size_t line_count;        ///< Lines read in all calls.
  size_t exemplar_count;    ///< Exemplars met in all calls.
  bool has_end;             ///< `# EOF` was read.

  tsdb_exposition_reason reason;  ///< On TSDB_ERR_MALFORMED: why the line at *position is refused,
  tsdb_bytes_view refused;        ///< and what of it: bytes of the line (or a name that is not written there), or where it stopped, size 0.
  tsdb_exposition_array full;     ///< On TSDB_ERR_CAPACITY: which array is full,
  size_t wanted;                  ///< and how many more elements at least it needs.
} tsdb_exposition;

/// Forgets samples, series and metadata; arrays and what is known of all calls stay.
void tsdb_exposition_clear(tsdb_exposition *columns);

/// Appends samples and metadata of the lines from *position on, which the caller begins with 0. Behind a TYPE `histogram` the values of
/// labels `le`, behind one of `summary` those of `quantile`, are written as OpenMetrics writes numbers: `1` becomes `1.0`.
///
/// Units:   timestamps in milliseconds; of OpenMetrics' seconds what is below a millisecond counts for nothing.
/// Shapes:  src holds whole lines; only at the end of the text the last one may lack its line feed. `options` are bits of the above.
/// Returns: TSDB_OK with *position == src_size. TSDB_ERR_CAPACITY where an array is full: all lines before *position have been read, and
///          the call can be made again with a larger one, or after tsdb_exposition_clear. TSDB_ERR_MALFORMED for a line that is
///          refused: *position is where it begins. TSDB_ERR_SIZE where 32 bits do not suffice for offsets of blobs.
/// Cost:    O(bytes), and sorting the labels of lines that are out of order; no allocation.
/// Source:  docs/formats/exposition.md.
tsdb_status tsdb_exposition_read(tsdb_exposition_format format, unsigned options, const uint8_t *src, size_t src_size,
                                 size_t *position, tsdb_exposition *columns);

/// Writes a text of metadata without its escapes: \\ and \n, and with `has_quotes` \" (names; help texts of OpenMetrics).
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY, which text.size as dst_capacity rules out.
tsdb_status tsdb_exposition_unescape(tsdb_bytes_view text, bool has_quotes, uint8_t *dst, size_t dst_capacity,
                                     size_t *out_size);

#endif
