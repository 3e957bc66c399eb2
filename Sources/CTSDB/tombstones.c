// Tombstones: the file, and sorted intervals in two columns. The layout is drawn in the header.
#include "tsdb/tombstones.h"

#include <stdbool.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/crc32c.h"
#include "tsdb/varint.h"

#define ENTRIES_OFFSET 5
#define ENTRY_SIZE_MIN 3
#define ENTRY_SIZE_MAX (3 * TSDB_UVARINT_SIZE_MAX)

size_t tsdb_tombstones_count_bound(size_t src_size) {
  return src_size <= TSDB_TOMBSTONES_SIZE_MIN ? 0 : (src_size - TSDB_TOMBSTONES_SIZE_MIN) / ENTRY_SIZE_MIN;
}

/// Checks everything but the entries and makes a reader for those.
static tsdb_status open_entries(const uint8_t *src, size_t src_size, tsdb_reader *out_reader) {
  if (src_size < ENTRIES_OFFSET) return TSDB_ERR_TRUNCATED;
  if (tsdb_load_be32(src) != TSDB_TOMBSTONES_MAGIC) return TSDB_ERR_MAGIC;
  if (src[4] != TSDB_TOMBSTONES_VERSION) return TSDB_ERR_VERSION;
  if (src_size < TSDB_TOMBSTONES_SIZE_MIN) return TSDB_ERR_TRUNCATED;
  size_t entries_size = src_size - TSDB_TOMBSTONES_SIZE_MIN;
  if (tsdb_crc32c(0, src + ENTRIES_OFFSET, entries_size) != tsdb_load_be32(src + ENTRIES_OFFSET + entries_size))
    return TSDB_ERR_CHECKSUM;
  *out_reader = tsdb_reader_make(src + ENTRIES_OFFSET, entries_size);
  return TSDB_OK;
}

tsdb_status tsdb_tombstones_read(const uint8_t *src, size_t src_size, uint64_t *series_refs, int64_t *mins_ms,
                                 int64_t *maxs_ms, size_t capacity, size_t *out_count) {
  tsdb_reader reader;
  tsdb_status status = open_entries(src, src_size, &reader);
  if (status != TSDB_OK) return status;
  size_t count = 0;
  while (tsdb_reader_left(&reader) > 0) {
    uint64_t series_ref = tsdb_reader_uvarint(&reader);
    int64_t min_ms = tsdb_reader_varint(&reader);
    int64_t max_ms = tsdb_reader_varint(&reader);
    if (reader.status != TSDB_OK) return reader.status;
    if (count == capacity) return TSDB_ERR_CAPACITY;
    series_refs[count] = series_ref;
    mins_ms[count] = min_ms;
    maxs_ms[count] = max_ms;
    count++;
  }
  *out_count = count;
  return TSDB_OK;
}

/// Whether an interval that ends at max_ms lies wholly before one that begins at min_ms, with a millisecond between them.
static bool is_apart(int64_t max_ms, int64_t min_ms) { return max_ms < min_ms && max_ms + 1 < min_ms; }

tsdb_status tsdb_tombstones_validate(const uint8_t *src, size_t src_size, size_t *out_count, size_t *out_offset,
                                     const char **out_reason) {
  *out_count = 0;
  *out_offset = 0;
  tsdb_reader reader;
  tsdb_status status = open_entries(src, src_size, &reader);
  if (status != TSDB_OK) {
    *out_offset = status == TSDB_ERR_VERSION ? 4 : status == TSDB_ERR_CHECKSUM ? src_size - 4 : 0;
    *out_reason = status == TSDB_ERR_TRUNCATED  ? "the file ends within its header or checksum"
                  : status == TSDB_ERR_MAGIC    ? "the first four bytes are not those of a tombstones file"
                  : status == TSDB_ERR_CHECKSUM ? "the checksum of the entries does not match"
                                                : "the format version is not 1";
    return status;
  }
  uint64_t previous_ref = 0;
  int64_t previous_max_ms = 0;
  while (tsdb_reader_left(&reader) > 0) {
    *out_offset = ENTRIES_OFFSET + reader.position;
    uint64_t series_ref = tsdb_reader_uvarint(&reader);
    int64_t min_ms = tsdb_reader_varint(&reader);
    int64_t max_ms = tsdb_reader_varint(&reader);
    const char *reason = NULL;
    if (reader.status == TSDB_ERR_TRUNCATED) reason = "the last entry is cut";
    else if (reader.status != TSDB_OK) reason = "a number of an entry has more than 64 bits";
    else if (max_ms < min_ms) reason = "an interval ends before it begins";
    else if (*out_count > 0 && series_ref == previous_ref && !is_apart(previous_max_ms, min_ms))
      reason = "two intervals of a series overlap, touch or are out of order";
    if (reason != NULL) {
      *out_reason = reason;
      return reader.status != TSDB_OK ? reader.status : TSDB_ERR_ORDER;
    }
    previous_ref = series_ref;
    previous_max_ms = max_ms;
    *out_count += 1;
  }
  *out_offset = src_size;
  *out_reason = "";
  return TSDB_OK;
}

size_t tsdb_tombstones_bound(size_t count) {
  if (count > (SIZE_MAX - TSDB_TOMBSTONES_SIZE_MIN) / ENTRY_SIZE_MAX) return SIZE_MAX;
  return TSDB_TOMBSTONES_SIZE_MIN + count * ENTRY_SIZE_MAX;
}

tsdb_status tsdb_tombstones_write(const uint64_t *series_refs, const int64_t *mins_ms, const int64_t *maxs_ms, size_t count,
                                  uint8_t *dst, size_t dst_capacity, size_t *out_size) {
  if (dst_capacity < TSDB_TOMBSTONES_SIZE_MIN) return TSDB_ERR_CAPACITY;
  tsdb_store_be32(dst, TSDB_TOMBSTONES_MAGIC);
  dst[4] = TSDB_TOMBSTONES_VERSION;
  size_t position = ENTRIES_OFFSET;
  for (size_t index = 0; index < count; index++) {
    size_t entry_size = tsdb_uvarint_size(series_refs[index]) + tsdb_uvarint_size(tsdb_zigzag_encode(mins_ms[index])) +
                        tsdb_uvarint_size(tsdb_zigzag_encode(maxs_ms[index]));
    if (entry_size > dst_capacity - 4 - position) return TSDB_ERR_CAPACITY;
    position += tsdb_uvarint_put(dst + position, series_refs[index]);
    position += tsdb_varint_put(dst + position, mins_ms[index]);
    position += tsdb_varint_put(dst + position, maxs_ms[index]);
  }
  tsdb_store_be32(dst + position, tsdb_crc32c(0, dst + ENTRIES_OFFSET, position - ENTRIES_OFFSET));
  *out_size = position + 4;
  return TSDB_OK;
}

/// The first interval that ends at or after `time_ms`, or `count`.
static size_t first_ending_from(const int64_t *maxs_ms, size_t count, int64_t time_ms) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (maxs_ms[middle] < time_ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

tsdb_status tsdb_intervals_add(int64_t *mins_ms, int64_t *maxs_ms, size_t *count, size_t capacity, int64_t min_ms,
                               int64_t max_ms) {
  if (max_ms < min_ms) return TSDB_ERR_ARGUMENT;
  // [first, last) are the intervals that become one with the new one. Neighbours are compared without leaving int64.
  size_t first = first_ending_from(maxs_ms, *count, min_ms == INT64_MIN ? min_ms : min_ms - 1);
  size_t last = first;
  while (last < *count && !is_apart(max_ms, mins_ms[last])) last++;
  if (first == last) {
    if (*count == capacity) return TSDB_ERR_CAPACITY;
    size_t moved = *count - first;
    if (moved > 0) {
      memmove(mins_ms + first + 1, mins_ms + first, moved * sizeof *mins_ms);
      memmove(maxs_ms + first + 1, maxs_ms + first, moved * sizeof *maxs_ms);
    }
    mins_ms[first] = min_ms;
    maxs_ms[first] = max_ms;
    *count += 1;
    return TSDB_OK;
  }
  if (min_ms < mins_ms[first]) mins_ms[first] = min_ms;
  maxs_ms[first] = max_ms > maxs_ms[last - 1] ? max_ms : maxs_ms[last - 1];
  size_t moved = *count - last;
  if (moved > 0 && last > first + 1) {
    memmove(mins_ms + first + 1, mins_ms + last, moved * sizeof *mins_ms);
    memmove(maxs_ms + first + 1, maxs_ms + last, moved * sizeof *maxs_ms);
  }
  *count -= last - first - 1;
  return TSDB_OK;
}

tsdb_coverage tsdb_intervals_coverage(const int64_t *mins_ms, const int64_t *maxs_ms, size_t count, int64_t min_ms,
                                      int64_t max_ms) {
  size_t index = first_ending_from(maxs_ms, count, min_ms);
  if (index == count || mins_ms[index] > max_ms) return TSDB_COVERS_NOTHING;
  return mins_ms[index] <= min_ms && max_ms <= maxs_ms[index] ? TSDB_COVERS_ALL : TSDB_COVERS_PART;
}

void tsdb_intervals_clip(const int64_t *timestamps_ms, size_t sample_count, int64_t min_ms, int64_t max_ms,
                         const int64_t *mins_ms, const int64_t *maxs_ms, size_t count, uint32_t *kept, size_t *out_count) {
  size_t kept_count = 0;
  size_t interval = 0;
  for (size_t index = 0; index < sample_count; index++) {
    int64_t time_ms = timestamps_ms[index];
    while (interval < count && maxs_ms[interval] < time_ms) interval++;
    bool is_deleted = interval < count && mins_ms[interval] <= time_ms;
    kept[kept_count] = (uint32_t)index;
    kept_count += time_ms >= min_ms && time_ms <= max_ms && !is_deleted;
  }
  *out_count = kept_count;
}
