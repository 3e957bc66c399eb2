// Tombstones: any bytes are read or refused; what was read is written again and reads the same, and its intervals, merged,
// stay ascending and apart and cover what they covered. The fuzzer does not know checksums, so each input is also tried as
// the entries of a file with a right one.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "tsdb/bytes.h"
#include "tsdb/crc32c.h"
#include "tsdb/tombstones.h"

static void merge(const int64_t *mins, const int64_t *maxs, size_t count) {
  int64_t *merged_mins = exactly(count * sizeof *mins), *merged_maxs = exactly(count * sizeof *maxs);
  size_t merged = 0;
  for (size_t index = 0; index < count; index++) {
    tsdb_status status = tsdb_intervals_add(merged_mins, merged_maxs, &merged, count, mins[index], maxs[index]);
    CHECK(status == (maxs[index] < mins[index] ? TSDB_ERR_ARGUMENT : TSDB_OK));
    if (status == TSDB_OK)
      CHECK(tsdb_intervals_coverage(merged_mins, merged_maxs, merged, mins[index], maxs[index]) == TSDB_COVERS_ALL);
  }
  for (size_t index = 0; index < merged; index++) {
    CHECK(merged_mins[index] <= merged_maxs[index]);
    if (index > 0) CHECK(merged_maxs[index - 1] < INT64_MAX && merged_maxs[index - 1] + 1 < merged_mins[index]);
  }
  uint32_t *kept = exactly(merged * sizeof *kept);
  size_t kept_count = 0;
  tsdb_intervals_clip(merged_mins, merged, INT64_MIN, INT64_MAX, merged_mins, merged_maxs, merged, kept, &kept_count);
  CHECK(kept_count == 0);
  tsdb_intervals_clip(merged_mins, merged, INT64_MIN, INT64_MAX, NULL, NULL, 0, kept, &kept_count);
  CHECK(kept_count == merged);
  free(kept);
  free(merged_mins);
  free(merged_maxs);
}

static void try_file(const uint8_t *src, size_t size) {
  size_t capacity = tsdb_tombstones_count_bound(size), count = 0, valid_count = 0, offset = 0, written = 0;
  const char *reason = NULL;
  tsdb_status sound = tsdb_tombstones_validate(src, size, &valid_count, &offset, &reason);
  CHECK(reason != NULL && (sound == TSDB_OK) == (reason[0] == 0) && offset <= size);
  uint64_t *refs = exactly(capacity * sizeof *refs);
  int64_t *mins = exactly(capacity * sizeof *mins), *maxs = exactly(capacity * sizeof *maxs);
  tsdb_status status = tsdb_tombstones_read(src, size, refs, mins, maxs, capacity, &count);
  CHECK(status != TSDB_ERR_CAPACITY && (sound != TSDB_OK || (status == TSDB_OK && valid_count == count)));
  if (status == TSDB_OK) {
    uint8_t *again = exactly(tsdb_tombstones_bound(count));
    CHECK(tsdb_tombstones_write(refs, mins, maxs, count, again, tsdb_tombstones_bound(count), &written) == TSDB_OK);
    // Not always the same bytes: a uvarint can be written longer than it needs to be.
    CHECK(written <= size);
    size_t count_again = 0;
    uint64_t *refs_again = exactly(capacity * sizeof *refs);
    int64_t *mins_again = exactly(capacity * sizeof *mins), *maxs_again = exactly(capacity * sizeof *maxs);
    CHECK(tsdb_tombstones_read(again, written, refs_again, mins_again, maxs_again, capacity, &count_again) == TSDB_OK);
    CHECK(count_again == count);
    if (count > 0) {
      CHECK(memcmp(refs, refs_again, count * sizeof *refs) == 0);
      CHECK(memcmp(mins, mins_again, count * sizeof *mins) == 0 && memcmp(maxs, maxs_again, count * sizeof *maxs) == 0);
    }
    // Merging is quadratic in the worst order; long inputs add nothing.
    merge(mins, maxs, count < 512 ? count : 512);
    free(refs_again);
    free(mins_again);
    free(maxs_again);
    free(again);
  }
  free(refs);
  free(mins);
  free(maxs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try_file(data, size);
  uint8_t *file = exactly(size + TSDB_TOMBSTONES_SIZE_MIN);
  tsdb_store_be32(file, TSDB_TOMBSTONES_MAGIC);
  file[4] = TSDB_TOMBSTONES_VERSION;
  if (size > 0) memcpy(file + 5, data, size);
  tsdb_store_be32(file + 5 + size, tsdb_crc32c(0, data, size));
  try_file(file, size + TSDB_TOMBSTONES_SIZE_MIN);
  free(file);
  return 0;
}
