// Records of a write-ahead log, as columns. docs/formats/wal.md.
//
//   record  type | entries up to the end of the record
//
// A record is read in two steps: tsdb_wal_record_measure walks it, which finds every error, and counts; the caller makes columns
// of that size, and the read call of the type fills them. Texts stay where they are in the record.
#ifndef TSDB_WAL_RECORDS_H
#define TSDB_WAL_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram_chunk.h"
#include "status.h"

/// The first byte of a record. Other numbers are records of programs to come: readers pass over them.
typedef enum tsdb_wal_type {
  TSDB_WAL_SERIES = 1,
  TSDB_WAL_SAMPLES = 2,
  TSDB_WAL_TOMBSTONES = 3,
  TSDB_WAL_EXEMPLARS = 4,
  TSDB_WAL_MMAP_MARKERS = 5,
  TSDB_WAL_METADATA = 6,
  TSDB_WAL_HISTOGRAMS = 7,
  TSDB_WAL_FLOAT_HISTOGRAMS = 8,
  TSDB_WAL_CUSTOM_HISTOGRAMS = 9,
  TSDB_WAL_CUSTOM_FLOAT_HISTOGRAMS = 10,
  TSDB_WAL_SAMPLES_V2 = 11,
  TSDB_WAL_HISTOGRAMS_V2 = 12,
  TSDB_WAL_FLOAT_HISTOGRAMS_V2 = 13,
} tsdb_wal_type;

/// What a record holds, in elements.
typedef struct tsdb_wal_counts {
  size_t entries;  ///< Series, samples, intervals …
  size_t labels;   ///< Series and exemplars: labels of all entries.
  size_t spans;    ///< Histograms: spans of both sides of all entries.
  size_t buckets;  ///< Histograms: buckets of both sides of all entries.
  size_t bounds;   ///< Histograms: custom bounds of all entries.
} tsdb_wal_counts;

/// A piece of text in a record.
typedef struct tsdb_wal_text {
  uint32_t offset;
  uint32_t size;
} tsdb_wal_text;

/// What a record that names a base, one of samples, exemplars or histograms of the first version, counts from: its first entry,
/// or, in records of histograms, the first of the batch that it was made of.
typedef struct tsdb_wal_base {
  uint64_t series_ref;
  int64_t timestamp_ms;
} tsdb_wal_base;

/// Whether this type of record is known: all others are to be passed over.
bool tsdb_wal_type_is_known(uint8_t type);

/// Walks a record to its end.
///
/// Returns: TSDB_OK with counts, all 0 for a type that is not known or an empty record; TSDB_ERR_TRUNCATED where the last entry
///          is cut; TSDB_ERR_MALFORMED; TSDB_ERR_COUNT where more is announced than there are bytes for; TSDB_ERR_SIZE for a
///          record of 4 GiB or more.
/// Cost:    O(src_size); no allocation.
tsdb_status tsdb_wal_record_measure(const uint8_t *src, size_t src_size, tsdb_wal_counts *out_counts);

// ---- Reading -----------------------------------------------------------------------------------------------------------
//
// Of all calls: `src` is a record of the type that the call is for, and the columns have room for what tsdb_wal_record_measure
// counted, given as `capacity`. They return TSDB_OK, TSDB_ERR_CAPACITY, TSDB_ERR_ARGUMENT for a record of another type, or what
// tsdb_wal_record_measure returned. Times are milliseconds since the Unix epoch.

/// Series: entry e has the labels [label_ends[e - 1], label_ends[e]); label l's name is texts[2 l], its value texts[2 l + 1].
tsdb_status tsdb_wal_series_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity, uint64_t *series_refs,
                                 uint32_t *label_ends, tsdb_wal_text *texts);

/// Samples of either version. `start_timestamps_ms` may be NULL; it gets 0 where none is known. `base` may be NULL; it is
/// written for the first version only.
tsdb_status tsdb_wal_samples_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                  uint64_t *series_refs, int64_t *timestamps_ms, int64_t *start_timestamps_ms,
                                  double *values, tsdb_wal_base *base);

/// Deletions: closed intervals of time.
tsdb_status tsdb_wal_tombstones_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                     uint64_t *series_refs, int64_t *mins_ms, int64_t *maxs_ms);

/// Exemplars: labels as in tsdb_wal_series_read. `base` may be NULL.
tsdb_status tsdb_wal_exemplars_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                    uint64_t *series_refs, int64_t *timestamps_ms, double *values, uint32_t *label_ends,
                                    tsdb_wal_text *texts, tsdb_wal_base *base);

/// Markers of a log of out-of-order samples: what was in memory of a series is in this chunk of the head chunk files.
tsdb_status tsdb_wal_markers_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                  uint64_t *series_refs, uint64_t *chunk_refs);

/// Metadata: entry e's unit is texts[2 e], its help texts[2 e + 1], empty where the record has none. Other fields are left out.
tsdb_status tsdb_wal_metadata_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                   uint64_t *series_refs, uint8_t *metric_types, tsdb_wal_text *texts);

/// Columns of histograms. Ends are running sums over the entries, as label_ends are: entry e has the positive spans from
/// negative_span_ends[e - 1] to positive_span_ends[e], the negative ones up to negative_span_ends[e]; buckets alike.
typedef struct tsdb_wal_histograms {
  uint64_t *series_refs;
  int64_t *timestamps_ms;
  int64_t *start_timestamps_ms;
  uint8_t *reset_hints;  ///< As the record has them: 0 unknown, 1 reset, 2 no reset, 3 gauge.
  int32_t *schemas;      ///< As the record has them: any number.
  double *zero_thresholds;
  double *sums;
  uint64_t *zero_counts;  ///< Integers, or the bits of doubles in records of float histograms; also counts and buckets.
  uint64_t *counts;
  uint32_t *positive_span_ends;
  uint32_t *negative_span_ends;
  uint32_t *positive_bucket_ends;
  uint32_t *negative_bucket_ends;
  uint32_t *bound_ends;
  tsdb_histogram_span *spans;
  uint64_t *buckets;  ///< Absolute counts: int64, which wrap around, or the bits of doubles.
  double *bounds;     ///< Custom bounds.
} tsdb_wal_histograms;

/// Whether the type is one of histograms, and of which numbers.
bool tsdb_wal_type_is_histograms(uint8_t type, bool *out_is_float);

/// Histograms of all six types. `base` may be NULL; it is written for the first version only.
tsdb_status tsdb_wal_histograms_read(const uint8_t *src, size_t src_size, const tsdb_wal_counts *capacity,
                                     const tsdb_wal_histograms *columns, tsdb_wal_base *base);

// ---- Writing -----------------------------------------------------------------------------------------------------------
//
// Of all calls: columns as for reading; a record of `count` entries is written to dst. They return TSDB_OK with *out_size, or
// TSDB_ERR_CAPACITY where dst is too small: tsdb_wal_record_size_bound() is always enough.

/// Bytes that a record with so many elements and texts of `text_size` bytes together takes at most; SIZE_MAX where that is no
/// number.
size_t tsdb_wal_record_size_bound(const tsdb_wal_counts *counts, size_t text_size);

/// Series; texts are pieces of `text`.
tsdb_status tsdb_wal_series_write(const uint64_t *series_refs, const uint32_t *label_ends, const tsdb_wal_text *texts,
                                  const uint8_t *text, size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Samples of the first version, or of the second where `start_timestamps_ms` is not NULL.
tsdb_status tsdb_wal_samples_write(const uint64_t *series_refs, const int64_t *timestamps_ms,
                                   const int64_t *start_timestamps_ms, const double *values, size_t count,
                                   uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Deletions.
tsdb_status tsdb_wal_tombstones_write(const uint64_t *series_refs, const int64_t *mins_ms, const int64_t *maxs_ms,
                                      size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Exemplars; texts are pieces of `text`.
tsdb_status tsdb_wal_exemplars_write(const uint64_t *series_refs, const int64_t *timestamps_ms, const double *values,
                                     const uint32_t *label_ends, const tsdb_wal_text *texts, const uint8_t *text,
                                     size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Markers.
tsdb_status tsdb_wal_markers_write(const uint64_t *series_refs, const uint64_t *chunk_refs, size_t count, uint8_t *dst,
                                   size_t dst_capacity, size_t *out_size);

/// Metadata; texts are pieces of `text`.
tsdb_status tsdb_wal_metadata_write(const uint64_t *series_refs, const uint8_t *metric_types, const tsdb_wal_text *texts,
                                    const uint8_t *text, size_t count, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Histograms of one of the six types. A type of the first version takes those of the `count` entries that it is for, custom
/// bounds or not, and counts from `base`, which may be NULL: then from the first entry it takes. *out_size is 0 where it takes
/// none. Returns also TSDB_ERR_ARGUMENT for another type.
tsdb_status tsdb_wal_histograms_write(uint8_t type, const tsdb_wal_histograms *columns, size_t count,
                                      const tsdb_wal_base *base, uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// The numbers of entry `index` alone, without series and times: how a chunk snapshot keeps a series' last histogram.
tsdb_status tsdb_wal_histogram_body_write(const tsdb_wal_histograms *columns, size_t index, bool is_float, uint8_t *dst,
                                          size_t dst_capacity, size_t *out_size);

#endif
