// Two postings lists cut out of the input at random, through every operation: whatever the bytes, nothing may be touched
// outside the buffers, and the fast variants must agree with the portable ones on ascending lists.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/postings.h"
#include "tsdb/postings_bitmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// A copy of exactly `count` elements, so that the sanitizer sees every step outside.
static uint8_t *exact(const uint8_t *src, size_t count) {
  uint8_t *copy = malloc(4 * count + 1);
  if (copy != NULL && count > 0) memcpy(copy, src, 4 * count);
  return copy;
}

static void both(tsdb_status (*fast)(tsdb_postings, tsdb_postings, uint32_t *, size_t, size_t *),
                 tsdb_status (*portable)(tsdb_postings, tsdb_postings, uint32_t *, size_t, size_t *), tsdb_postings a,
                 tsdb_postings b, size_t capacity, bool is_ascending) {
  uint32_t *first = malloc(4 * capacity + 1);
  uint32_t *second = malloc(4 * capacity + 1);
  size_t first_count = 0;
  size_t second_count = 0;
  tsdb_status first_status = fast(a, b, first, capacity, &first_count);
  tsdb_status second_status = portable(a, b, second, capacity, &second_count);
  assert(first_status == TSDB_OK && second_status == TSDB_OK && first_count <= capacity && second_count <= capacity);
  if (is_ascending) {
    assert(first_count == second_count);
    assert(first_count == 0 || memcmp(first, second, 4 * first_count) == 0);
  }
  free(first);
  free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tsdb_postings framed;
  tsdb_postings_open(data, size, true, &framed);
  tsdb_postings_open(data, size, false, &framed);
  if (size < 2) return 0;
  size_t total = (size - 2) / 4;
  size_t a_count = total * data[0] / 255;
  size_t b_count = total - a_count;
  uint8_t *a_bytes = exact(data + 2, a_count);
  uint8_t *b_bytes = exact(data + 2 + 4 * a_count, b_count);
  tsdb_postings a = {a_bytes, a_count, (data[1] & 1) != 0};
  tsdb_postings b = {b_bytes, b_count, (data[1] & 2) != 0};
  size_t offender;
  bool is_ascending = !a.is_native && !b.is_native && tsdb_postings_validate(a_bytes, 4 * a_count, &offender) == TSDB_OK &&
                      tsdb_postings_validate(b_bytes, 4 * b_count, &offender) == TSDB_OK;
  both(tsdb_postings_intersect, tsdb_postings_intersect_portable, a, b, tsdb_postings_intersect_bound(a_count, b_count),
       is_ascending);
  both(tsdb_postings_subtract, tsdb_postings_subtract_portable, a, b, a_count, is_ascending);

  tsdb_postings lists[2] = {a, b};
  size_t bound = tsdb_postings_union_bound(lists, 2);
  size_t scratch_bound = tsdb_postings_union_scratch_bound(lists, 2);
  uint32_t *result = malloc(4 * bound + 1);
  uint64_t *scratch = malloc(8 * scratch_bound + 1);
  size_t count;
  tsdb_postings_union(lists, 2, result, bound, scratch, scratch_bound, &count);
  free(scratch);
  free(result);

  // The input as framed lists at offsets taken from it.
  uint64_t words[64] = {0};
  tsdb_postings_bitmap bitmap = {words, 64, 64};
  uint64_t offsets[4] = {data[0], data[1], 0, size};
  size_t failed;
  tsdb_postings_bitmap_add_stored(&bitmap, data, size, 0, offsets, 4, &failed);
  tsdb_postings_bitmap_add(&bitmap, a);
  uint32_t refs[100];
  tsdb_postings_bitmap_read(&bitmap, refs, 100, &count);
  free(a_bytes);
  free(b_bytes);
  return 0;
}
