// Prometheus remote write, versions 1 and 2, between bytes (unpacked from snappy) and columns (wire_samples.h).
//
//   version 1   0A L series | …              1A L metadata | …
//   series      0A L label | …               12 L (09 value 10 time) | …       1A L exemplar | …     22 L histogram | …
//
//   version 2   22 n string | …              2A L series | …                   strings are numbered from 0, which is ""
//   series      0A L (name value name …)     12 L (09 value 10 time 18 start)  1A L histogram | …    22 L exemplar | …   2A L metadata
//
// docs/formats/remote-write.md has all fields and an example.
#ifndef TSDB_REMOTE_WRITE_H
#define TSDB_REMOTE_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "wire_samples.h"
#include "wire_symbols.h"

// MARK: Version 1

/// Appends the series and metadata of a `prometheus.WriteRequest` to the columns, from *position on, which the caller begins with 0.
///
/// Returns: TSDB_OK with *position == src_size. TSDB_ERR_CAPACITY where an array is full (samples->full): all before *position has been
///          read, and the call can be made again with a larger one. TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED for bytes that are no such
///          message; TSDB_ERR_SIZE where numbers of 32 bits do not suffice. On error what has been appended before stays.
/// Cost:    O(bytes); no allocation.
tsdb_status tsdb_remote_write_read(const uint8_t *src, size_t src_size, size_t *position, tsdb_wire_samples *samples);

/// Bytes that the series `first` … `first` + `count` - 1 and, with `with_metadata`, all metadata take as a `prometheus.WriteRequest`, exactly.
/// Metadata of series, as version 2 has it, is left out.
size_t tsdb_remote_write_size(const tsdb_wire_samples *samples, size_t first, size_t count, bool with_metadata);

/// Writes them. Start timestamps have no place there.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst is smaller than tsdb_remote_write_size; TSDB_ERR_ORDER for a
///          loose series or exemplar.
/// Cost:    O(bytes); no allocation.
tsdb_status tsdb_remote_write_write(const tsdb_wire_samples *samples, size_t first, size_t count, bool with_metadata,
                                    uint8_t *dst, size_t dst_capacity, size_t *out_size);

// MARK: Version 2

/// Collects the symbols of an `io.prometheus.write.v2.Request`, wherever they stand in it.
///
/// Returns: TSDB_OK with *out_count strings, which point into src; TSDB_ERR_CAPACITY, with *out_count as many as there are, where there
///          is no room for all; TSDB_ERR_TRUNCATED, TSDB_ERR_MALFORMED.
tsdb_status tsdb_remote_write_v2_symbols(const uint8_t *src, size_t src_size, tsdb_bytes_view *symbols, size_t capacity,
                                         size_t *out_count);

/// Appends the series of an `io.prometheus.write.v2.Request`. Labels are written into samples->label_bytes.
///
/// Shapes:  symbols[symbol_count] as tsdb_remote_write_v2_symbols gives them.
/// Returns: as tsdb_remote_write_read; also TSDB_ERR_REFERENCE for a number that is none of a symbol, and for a name without a value.
tsdb_status tsdb_remote_write_v2_read(const uint8_t *src, size_t src_size, size_t *position,
                                      const tsdb_bytes_view *symbols, size_t symbol_count, tsdb_wire_samples *samples);

/// Strings that the series `first` … `first` + `count` - 1 refer to: how many references they need.
/// Metadata must be in the order of series.
size_t tsdb_remote_write_v2_reference_count(const tsdb_wire_samples *samples, size_t first, size_t count);

/// Numbers the strings of these series. Prometheus numbers them in the same order: of each series help and unit, its labels, those of
/// exemplars.
///
/// Shapes:  references[reference_count]; symbols holds "" or nothing at first.
/// Returns: TSDB_OK; TSDB_ERR_CAPACITY where symbols or references are full: to be begun again with larger ones; TSDB_ERR_ORDER for a
///          loose series or exemplar; TSDB_ERR_MALFORMED for a blob that is none.
/// Cost:    O(bytes), about 3 ns a string that the series before has at the same place, 15 others; no allocation.
tsdb_status tsdb_remote_write_v2_number(const tsdb_wire_samples *samples, size_t first, size_t count,
                                        tsdb_wire_symbols *symbols, uint32_t *references, size_t reference_capacity);

/// Bytes that they take as an `io.prometheus.write.v2.Request`, exactly.
size_t tsdb_remote_write_v2_size(const tsdb_wire_samples *samples, size_t first, size_t count,
                                 const tsdb_wire_symbols *symbols, const uint32_t *references);

/// Writes them.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst is smaller than tsdb_remote_write_v2_size.
/// Cost:    O(bytes); no allocation.
tsdb_status tsdb_remote_write_v2_write(const tsdb_wire_samples *samples, size_t first, size_t count,
                                       const tsdb_wire_symbols *symbols, const uint32_t *references, uint8_t *dst,
                                       size_t dst_capacity, size_t *out_size);

#endif
