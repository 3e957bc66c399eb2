// An automaton and values out of arbitrary bytes: a table that passes validation is never left, a search stays inside, and
// the fast search finds what the portable one does.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/label_dfa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 8) return 0;
  // Header: rows, classes, start, needle size, slices; then class_of_byte in short, rows, slices; the rest are values.
  uint32_t row_count = data[0] % 16;
  uint32_t class_count = data[1] % 16;
  uint32_t start = data[2];
  size_t needle_size = data[3] % 9;
  size_t slice_count = data[4] % 32;
  bool is_honest = data[5] % 2 == 0;
  const uint8_t *src = data + 8;
  size_t left = size - 8;

  uint8_t class_of_byte[256];
  for (size_t byte = 0; byte < 256; byte++) {
    class_of_byte[byte] = left > 0 ? src[byte % left] : 0;
    if (is_honest && class_count > 1) class_of_byte[byte] %= (uint8_t)(class_count - 1);
  }
  size_t entries = (size_t)row_count * class_count;
  uint32_t *rows = malloc(4 * entries + 1);
  for (size_t index = 0; index < entries; index++) {
    rows[index] = left > 0 ? src[(index * 7) % left] : 0;
    if (is_honest) {
      bool is_last = index % class_count == class_count - 1;
      rows[index] = is_last ? rows[index] % 2 : rows[index] % row_count * class_count;
      if (index < class_count) rows[index] = 0;
      if (index / class_count == 1) rows[index] = is_last ? 1 : class_count;
    }
  }
  if (is_honest && entries > 0) start = start % row_count * class_count;

  uint8_t *values = malloc(left + 1);
  if (left > 0) memcpy(values, src, left);
  tsdb_label_slice slices[32];
  uint32_t offset = 0;
  bool is_ascending = true;
  for (size_t index = 0; index < slice_count; index++) {
    uint32_t gap = left > 0 ? src[index % left] % 8 : 0;
    uint32_t length = left > 0 ? src[(index * 3) % left] % 24 : 0;
    slices[index] = (tsdb_label_slice){offset + gap, length};
    if (data[5] & 2) slices[index].offset = gap * 1000003;
    is_ascending = is_ascending && (data[5] & 2) == 0 && slices[index].offset + length <= left;
    offset += gap + length;
  }

  uint32_t first[32];
  uint32_t second[32];
  size_t first_count;
  size_t second_count;
  tsdb_label_dfa dfa = {class_of_byte, rows, row_count, class_count, start};
  if (tsdb_label_dfa_validate(&dfa) == TSDB_OK) {
    bool matches = tsdb_label_dfa_matches(&dfa, values, left);
    (void)matches;
    tsdb_status status =
        tsdb_label_dfa_match_many(&dfa, values, left, slices, slice_count, NULL, 0, first, 32, &first_count);
    assert(status == TSDB_OK || first_count == 0);
    for (size_t index = 0; index < first_count; index++) {
      assert(tsdb_label_dfa_matches(&dfa, values + slices[first[index]].offset, slices[first[index]].size));
    }
    uint32_t candidates[3] = {data[6] % 40u, data[7] % 40u, 0};
    tsdb_label_dfa_match_many(&dfa, values, left, slices, slice_count, candidates, 3, candidates, 3, &second_count);
  }

  uint8_t *needle = malloc(needle_size + 1);
  if (needle_size > left) needle_size = left;
  if (needle_size > 0) memcpy(needle, src + left - needle_size, needle_size);
  tsdb_status fast =
      tsdb_label_find(values, left, slices, slice_count, needle, needle_size, first, slice_count, &first_count);
  tsdb_status slow =
      tsdb_label_find_portable(values, left, slices, slice_count, needle, needle_size, second, slice_count, &second_count);
  assert(fast == slow && first_count <= slice_count && second_count <= slice_count);
  if (is_ascending && fast == TSDB_OK) {
    assert(first_count == second_count && (first_count == 0 || memcmp(first, second, 4 * first_count) == 0));
    size_t expected = 0;
    for (size_t index = 0; index < slice_count; index++) {
      bool is_found = false;
      for (size_t place = 0; slices[index].size >= needle_size && place <= slices[index].size - needle_size; place++) {
        is_found = is_found || memcmp(values + slices[index].offset + place, needle, needle_size) == 0;
      }
      if (is_found) assert(expected < first_count && first[expected++] == index);
    }
    assert(expected == first_count);
  }
  tsdb_label_find_suffix(values, left, slices, slice_count, needle, needle_size, data[6] % 8u, first, slice_count,
                         &first_count);
  free(needle);
  free(values);
  free(rows);
  return 0;
}
