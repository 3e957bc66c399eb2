// Series with samples as messages carry them one by one, in columns: what remote write brings and remote read answers with.
//
//   blobs               │ {job="a"}     │ {job="b"} │ …          label blobs (series_response.h)
//   sample_offsets      │ 0             │ 2         │ 2 …         float samples of each series; likewise histograms and exemplars
//   timestamps_ms       │ t0 t1         │           │ …
//   values              │ v0 v1         │           │ …
//   histograms          │               │ h0        │ …          their spans, buckets and bounds behind one another in arrays of their own
//
// Labels and texts stay where they lie in the message; only those of remote write 2, which has symbols, are written anew.
#ifndef TSDB_WIRE_SAMPLES_H
#define TSDB_WIRE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram_chunk.h"
#include "series_response.h"
#include "status.h"

/// A native histogram without its arrays.
typedef struct tsdb_wire_histogram {
  int64_t timestamp_ms;
  int64_t start_timestamp_ms;      ///< Since when it counts; 0: not known.
  double sum;
  double zero_threshold;
  uint64_t count;                  ///< These two are integers, or the bits of doubles where is_float.
  uint64_t zero_count;
  int32_t schema;
  uint8_t reset_hint;              ///< TSDB_HISTOGRAM_RESET_UNKNOWN, …: as in chunks.
  bool is_float;
  uint32_t span_start;             ///< Where its spans begin: the positive ones, then the negative ones.
  uint32_t positive_span_count;
  uint32_t negative_span_count;
  uint32_t bucket_start;           ///< Likewise.
  uint32_t positive_bucket_count;
  uint32_t negative_bucket_count;
  uint32_t bound_start;            ///< Where its custom bounds begin.
  uint32_t bound_count;
} tsdb_wire_histogram;

/// An exemplar.
typedef struct tsdb_wire_exemplar {
  tsdb_bytes_view labels;  ///< A label blob; of a loose one its message.
  double value;
  int64_t timestamp_ms;    ///< 0: it has none.
  bool is_loose;           ///< Labels to be written anew by tsdb_loose_labels_write.
} tsdb_wire_exemplar;

/// What is known about a metric.
typedef struct tsdb_wire_metadata {
  tsdb_bytes_view family;  ///< Its name; size 0 where it is that of `series`.
  tsdb_bytes_view help;
  tsdb_bytes_view unit;
  uint32_t series;         ///< By index; UINT32_MAX where family is told.
  uint32_t type;           ///< 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 stateset; else not known.
} tsdb_wire_metadata;

/// Which of the arrays is full.
typedef enum tsdb_samples_array {
  TSDB_SAMPLES_SERIES,
  TSDB_SAMPLES_FLOATS,
  TSDB_SAMPLES_HISTOGRAMS,
  TSDB_SAMPLES_SPANS,
  TSDB_SAMPLES_BUCKETS,
  TSDB_SAMPLES_BOUNDS,
  TSDB_SAMPLES_EXEMPLARS,
  TSDB_SAMPLES_METADATA,
  TSDB_SAMPLES_LABEL_BYTES,  ///< To be replaced by another block, not to be moved: what was written stays where it is.
} tsdb_samples_array;

/// The columns. All arrays are the caller's, who may make them larger between two calls; counts are what is filled.
typedef struct tsdb_wire_samples {
  tsdb_bytes_view *blobs;         ///< [series_capacity]: labels; of a loose series its message.
  uint8_t *is_loose;              ///< [series_capacity]: 1 for labels to be written anew by tsdb_loose_labels_write.
  uint32_t *sample_offsets;       ///< These three [series_capacity + 1]; the caller sets the first ones to 0.
  uint32_t *histogram_offsets;
  uint32_t *exemplar_offsets;
  size_t series_count, series_capacity;
  int64_t *timestamps_ms;         ///< These three [sample_capacity]; filled up to the last offset.
  int64_t *start_timestamps_ms;   ///< Since when a counter counts; 0: not known.
  double *values;
  size_t sample_capacity;
  tsdb_wire_histogram *histograms;
  size_t histogram_capacity;
  tsdb_histogram_span *spans;
  size_t span_count, span_capacity;
  uint64_t *buckets;              ///< Absolute counts: integers, or the bits of doubles.
  size_t bucket_count, bucket_capacity;
  double *bounds;
  size_t bound_count, bound_capacity;
  tsdb_wire_exemplar *exemplars;
  size_t exemplar_capacity;
  tsdb_wire_metadata *metadata;
  size_t metadata_count, metadata_capacity;
  uint8_t *label_bytes;           ///< Where labels are written that do not lie in the message as a blob.
  size_t label_size, label_capacity;
  tsdb_samples_array full;        ///< On TSDB_ERR_CAPACITY: which array is,
  size_t wanted;                  ///< and how many more elements at least it needs.
} tsdb_wire_samples;

/// Forgets all series and metadata; arrays stay.
void tsdb_wire_samples_clear(tsdb_wire_samples *samples);

#endif
