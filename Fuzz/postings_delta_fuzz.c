// Any bytes as postings of a cache, in one piece and in two: references that ascend, which are written to the same bytes unless a number was
// written with more bytes than it needs; or an error.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "tsdb/postings_delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 1 << 12) return 0;
  uint32_t *whole = exactly(size * sizeof *whole), *parts = exactly(size * sizeof *parts);
  tsdb_postings_delta_cursor cursor = {0}, cut = {0};
  size_t count = 0, used = 0, half = size == 0 ? 0 : data[0] % (size + 1), first = 0, second = 0;
  tsdb_status status = tsdb_postings_delta_decode(&cursor, data, size, whole, size, &count, &used);
  if (status == TSDB_OK) {
    CHECK(used == size && count <= size);
    for (size_t index = 1; index < count; index++) CHECK(whole[index - 1] <= whole[index]);
    CHECK(tsdb_postings_delta_decode(&cut, data, half, parts, size, &first, &used) == TSDB_OK && used == half);
    CHECK(tsdb_postings_delta_decode(&cut, data + half, size - half, parts + first, size - first, &second, &used) ==
          TSDB_OK);
    CHECK(first + second == count && memcmp(whole, parts, count * sizeof *whole) == 0);
    tsdb_postings list = tsdb_postings_native(whole, count);
    size_t bound = tsdb_postings_delta_size(list), written = 0;
    CHECK(bound <= size);
    uint8_t *bytes = exactly(bound);
    CHECK(tsdb_postings_delta_encode(list, bytes, bound, &written) == TSDB_OK && written == bound);
    if (bound > 0) CHECK(tsdb_postings_delta_encode(list, bytes, bound - 1, &written) == TSDB_ERR_CAPACITY);
    tsdb_postings_delta_cursor again = {0};
    CHECK(tsdb_postings_delta_decode(&again, bytes, bound, parts, size, &second, &used) == TSDB_OK);
    CHECK(second == count && memcmp(whole, parts, count * sizeof *whole) == 0);
    free(bytes);
  }
  free(whole), free(parts);
  return 0;
}
