// What was deleted from a block: closed intervals of time, by series. docs/formats/tombstones.md.
//
//   01 30 BA 30 | 01 | entries | be32 CRC32C of the entries
//   entry:  uvarint64 series reference | varint64 first ms | varint64 last ms, both included
//
// In memory a series' intervals are two parallel columns, ascending, with at least one free millisecond between them.
#ifndef TSDB_TOMBSTONES_H
#define TSDB_TOMBSTONES_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define TSDB_TOMBSTONES_MAGIC UINT32_C(0x0130BA30)
#define TSDB_TOMBSTONES_VERSION 1
/// Magic number, version, checksum: the size of a file without entries.
#define TSDB_TOMBSTONES_SIZE_MIN 9

/// Entries that a file of `src_size` bytes can hold at most.
size_t tsdb_tombstones_count_bound(size_t src_size);

/// Reads all entries, as they stand in the file: in any order, overlapping, even with the last ms before the first.
///
/// Shapes:  series_refs[capacity], mins_ms[capacity] and maxs_ms[capacity] are parallel; the first *out_count are written.
/// Units:   milliseconds since the Unix epoch, both ends included.
/// Returns: TSDB_OK; TSDB_ERR_TRUNCATED where header and checksum are not there or the last entry is cut;
///          TSDB_ERR_MAGIC; TSDB_ERR_VERSION; TSDB_ERR_CHECKSUM; TSDB_ERR_MALFORMED for a number above 64 bits;
///          TSDB_ERR_CAPACITY (tsdb_tombstones_count_bound() is always enough).
/// Cost:    O(src_size); no allocation.
tsdb_status tsdb_tombstones_read(const uint8_t *src, size_t src_size, uint64_t *series_refs, int64_t *mins_ms,
                                 int64_t *maxs_ms, size_t capacity, size_t *out_count);

/// As tsdb_tombstones_read, but keeps nothing and demands more: adjacent intervals of one series ascend and are apart. In
/// which order series come is free: Prometheus writes them in that of a hash table.
///
/// Returns: TSDB_OK with *out_count entries; else the status (TSDB_ERR_ORDER for the demands), *out_offset in the file and
///          *out_reason, a static text.
tsdb_status tsdb_tombstones_validate(const uint8_t *src, size_t src_size, size_t *out_count, size_t *out_offset,
                                     const char **out_reason);

/// Bytes that a file of `count` entries takes at most.
size_t tsdb_tombstones_bound(size_t count);

/// Writes a file of `count` entries, as they stand in the columns.
///
/// Returns: TSDB_OK with *out_size; TSDB_ERR_CAPACITY where dst is too small (tsdb_tombstones_bound() is always enough).
tsdb_status tsdb_tombstones_write(const uint64_t *series_refs, const int64_t *mins_ms, const int64_t *maxs_ms, size_t count,
                                  uint8_t *dst, size_t dst_capacity, size_t *out_size);

/// Adds an interval to those of one series. Intervals that it overlaps or touches (one ends in the millisecond before the
/// other begins) become one with it.
///
/// Shapes:  mins_ms[capacity] and maxs_ms[capacity] hold *count intervals, ascending and apart; also afterwards.
/// Returns: TSDB_OK; TSDB_ERR_ARGUMENT where max_ms < min_ms; TSDB_ERR_CAPACITY where it needs one more than there is.
/// Cost:    O(*count); O(log *count) at the end.
tsdb_status tsdb_intervals_add(int64_t *mins_ms, int64_t *maxs_ms, size_t *count, size_t capacity, int64_t min_ms,
                               int64_t max_ms);

/// How much of the closed range [min_ms, max_ms] the intervals cover.
typedef enum tsdb_coverage { TSDB_COVERS_NOTHING = 0, TSDB_COVERS_PART = 1, TSDB_COVERS_ALL = 2 } tsdb_coverage;

/// See tsdb_coverage. Since intervals are apart, only a single one can cover all. Cost: O(log count).
tsdb_coverage tsdb_intervals_coverage(const int64_t *mins_ms, const int64_t *maxs_ms, size_t count, int64_t min_ms,
                                      int64_t max_ms);

/// Tells which samples are left: those within [min_ms, max_ms] and in none of the intervals.
///
/// Shapes:  timestamps_ms[sample_count], not descending; kept[sample_count] gets the indices of those left, *out_count.
/// Cost:    O(samples + intervals); no allocation.
void tsdb_intervals_clip(const int64_t *timestamps_ms, size_t sample_count, int64_t min_ms, int64_t max_ms,
                         const int64_t *mins_ms, const int64_t *maxs_ms, size_t count, uint32_t *kept, size_t *out_count);

#endif
