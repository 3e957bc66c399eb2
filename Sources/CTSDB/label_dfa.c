// See label_dfa.h. The search for a literal compares its first, second and last byte at 32 places at once, looks closer where all
// are right, and then finds out which value the place belongs to.
#include "tsdb/label_dfa.h"

#include <string.h>

#include "tsdb/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

tsdb_status tsdb_label_dfa_validate(const tsdb_label_dfa *dfa) {
  const uint64_t entries = (uint64_t)dfa->row_count * dfa->class_count;
  if (dfa->row_count < 2 || dfa->class_count < 2 || entries > UINT32_MAX) return TSDB_ERR_ARGUMENT;
  if (dfa->start >= entries || dfa->start % dfa->class_count != 0) return TSDB_ERR_ARGUMENT;
  for (size_t byte = 0; byte < 256; byte++) {
    if (dfa->class_of_byte[byte] >= dfa->class_count - 1) return TSDB_ERR_ARGUMENT;
  }
  const uint32_t *row = dfa->rows;
  for (size_t index = 0; index < dfa->row_count; index++, row += dfa->class_count) {
    for (size_t column = 0; column + 1 < dfa->class_count; column++) {
      if (row[column] >= entries || row[column] % dfa->class_count != 0) return TSDB_ERR_ARGUMENT;
    }
    if (row[dfa->class_count - 1] > 1) return TSDB_ERR_ARGUMENT;
  }
  // Reading may end, or go on, in rows 0 and 1: that must make no difference.
  const uint32_t *everything = dfa->rows + dfa->class_count;
  for (size_t column = 0; column + 1 < dfa->class_count; column++) {
    if (dfa->rows[column] != 0 || everything[column] != dfa->class_count) return TSDB_ERR_ARGUMENT;
  }
  bool is_told_apart = dfa->rows[dfa->class_count - 1] == 0 && everything[dfa->class_count - 1] == 1;
  return is_told_apart ? TSDB_OK : TSDB_ERR_ARGUMENT;
}

static inline __attribute__((always_inline)) bool tsdb_label_dfa_run(const uint8_t *class_of_byte, const uint32_t *rows,
                                                                     uint32_t class_count, uint32_t start,
                                                                     const uint8_t *value, size_t value_size) {
  uint32_t row = start;
  for (size_t index = 0; index < value_size; index++) {
    row = rows[row + class_of_byte[value[index]]];
    // Row 0 or 1: nothing that follows changes the answer.
    if (row <= class_count) break;
  }
  return rows[row + class_count - 1] != 0;
}

bool tsdb_label_dfa_matches(const tsdb_label_dfa *dfa, const uint8_t *value, size_t value_size) {
  return tsdb_label_dfa_run(dfa->class_of_byte, dfa->rows, dfa->class_count, dfa->start, value, value_size);
}

static inline bool tsdb_label_slice_is_inside(tsdb_label_slice slice, size_t src_size) {
  return slice.offset <= src_size && slice.size <= src_size - slice.offset;
}

/// A value on its way through the automaton.
typedef struct tsdb_label_lane {
  const uint8_t *value;
  size_t size;
  uint32_t row;
  uint32_t index;
} tsdb_label_lane;

/// Takes four lanes to the end of their values, or to rows that nothing leads out of.
static inline void tsdb_label_lanes_run(tsdb_label_lane lanes[4], const uint8_t *class_of_byte, const uint32_t *rows,
                                        uint32_t class_count) {
  size_t common = lanes[0].size;
  for (size_t lane = 1; lane < 4; lane++) common = lanes[lane].size < common ? lanes[lane].size : common;
  const uint8_t *a = lanes[0].value;
  const uint8_t *b = lanes[1].value;
  const uint8_t *c = lanes[2].value;
  const uint8_t *d = lanes[3].value;
  uint32_t row_a = lanes[0].row;
  uint32_t row_b = lanes[1].row;
  uint32_t row_c = lanes[2].row;
  uint32_t row_d = lanes[3].row;
  size_t index = 0;
  while (common - index >= 4) {
    for (size_t part = 0; part < 4; part++, index++) {
      row_a = rows[row_a + class_of_byte[a[index]]];
      row_b = rows[row_b + class_of_byte[b[index]]];
      row_c = rows[row_c + class_of_byte[c[index]]];
      row_d = rows[row_d + class_of_byte[d[index]]];
    }
    // The largest of the four tells whether any is still undecided.
    uint32_t most = row_a > row_b ? row_a : row_b;
    most = row_c > most ? row_c : most;
    most = row_d > most ? row_d : most;
    if (most <= class_count) break;
  }
  lanes[0].row = row_a;
  lanes[1].row = row_b;
  lanes[2].row = row_c;
  lanes[3].row = row_d;
  for (size_t lane = 0; lane < 4; lane++) {
    uint32_t row = lanes[lane].row;
    for (size_t rest = index; rest < lanes[lane].size && row > class_count; rest++) {
      row = rows[row + class_of_byte[lanes[lane].value[rest]]];
    }
    lanes[lane].row = row;
  }
}

tsdb_status tsdb_label_dfa_match_many(const tsdb_label_dfa *dfa, const uint8_t *src, size_t src_size,
                                      const tsdb_label_slice *slices, size_t slice_count, const uint32_t *candidates,
                                      size_t candidate_count, uint32_t *indices, size_t index_capacity, size_t *out_count) {
  *out_count = 0;
  const size_t total = candidates != NULL ? candidate_count : slice_count;
  if (index_capacity < total) return TSDB_ERR_CAPACITY;
  const uint8_t *class_of_byte = dfa->class_of_byte;
  const uint32_t *rows = dfa->rows;
  const uint32_t class_count = dfa->class_count;
  size_t count = 0;
  // Four values side by side: each step waits for the one before it, those of the others can be taken meanwhile.
  tsdb_label_lane lanes[4];
  for (size_t place = 0; place < total; place += 4) {
    const size_t lane_count = total - place < 4 ? total - place : 4;
    for (size_t lane = 0; lane < 4; lane++) {
      // A lane too many reads the last value once more.
      size_t at = place + (lane < lane_count ? lane : lane_count - 1);
      size_t index = candidates != NULL ? candidates[at] : at;
      if (index >= slice_count || !tsdb_label_slice_is_inside(slices[index], src_size)) return TSDB_ERR_REFERENCE;
      lanes[lane] = (tsdb_label_lane){src + slices[index].offset, slices[index].size, dfa->start, (uint32_t)index};
    }
    tsdb_label_lanes_run(lanes, class_of_byte, rows, class_count);
    for (size_t lane = 0; lane < lane_count; lane++) {
      indices[count] = lanes[lane].index;
      count += rows[lanes[lane].row + class_count - 1];
    }
  }
  *out_count = count;
  return TSDB_OK;
}

// ---- Literals ---------------------------------------------------------------------------------------------------------

/// Where finds are mapped back to values.
typedef struct tsdb_label_finds {
  const tsdb_label_slice *slices;
  size_t slice_count;
  size_t needle_size;
  size_t next;  ///< the first slice that may hold further finds
  uint32_t *indices;
  size_t count;
} tsdb_label_finds;

/// Takes note of a find at `offset`, which is not below the one before. Returns from where the search goes on.
static size_t tsdb_label_finds_add(tsdb_label_finds *finds, size_t offset) {
  // The first slice that ends behind the find, by doubling steps from where the last one was, then by halving.
  const size_t end = offset + finds->needle_size;
  size_t low = finds->next;
  size_t step = 1;
  size_t high = low;
  while (high < finds->slice_count && (size_t)finds->slices[high].offset + finds->slices[high].size < end) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  if (high > finds->slice_count) high = finds->slice_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((size_t)finds->slices[middle].offset + finds->slices[middle].size < end) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  finds->next = low;
  if (low == finds->slice_count) return SIZE_MAX;
  if (finds->slices[low].offset > offset) return offset + 1;  // between two values
  finds->indices[finds->count++] = (uint32_t)low;
  finds->next = low + 1;
  return (size_t)finds->slices[low].offset + finds->slices[low].size;
}

typedef void (*tsdb_label_search)(tsdb_label_finds *finds, const uint8_t *src, size_t start, size_t end,
                                  const uint8_t *needle, size_t needle_size);

/// Searches [start, end) of src byte by byte.
static void tsdb_label_search_portable(tsdb_label_finds *finds, const uint8_t *src, size_t start, size_t end,
                                       const uint8_t *needle, size_t needle_size) {
  size_t offset = start;
  while (offset < end && end - offset >= needle_size) {
    const uint8_t *first = memchr(src + offset, needle[0], end - offset - needle_size + 1);
    if (first == NULL) return;
    offset = (size_t)(first - src);
    offset = memcmp(first, needle, needle_size) == 0 ? tsdb_label_finds_add(finds, offset) : offset + 1;
  }
}

#if defined(__x86_64__)
/// Where three bytes of the needle stand among the 32 places from `src` on, as bits. Three, because with two bytes one in
/// some ten vectors was worth a closer look for nothing.
__attribute__((target("avx2"), always_inline)) static inline __m256i tsdb_label_places(const uint8_t *src, size_t second_place,
                                                                                       size_t last_place, __m256i first,
                                                                                       __m256i second, __m256i last) {
  __m256i at_first = _mm256_loadu_si256((const __m256i_u *)(const void *)src);
  __m256i at_second = _mm256_loadu_si256((const __m256i_u *)(const void *)(src + second_place));
  __m256i at_last = _mm256_loadu_si256((const __m256i_u *)(const void *)(src + last_place));
  __m256i both = _mm256_and_si256(_mm256_cmpeq_epi8(at_first, first), _mm256_cmpeq_epi8(at_last, last));
  return _mm256_and_si256(both, _mm256_cmpeq_epi8(at_second, second));
}

__attribute__((target("avx2,bmi"))) static void tsdb_label_search_avx2(tsdb_label_finds *finds, const uint8_t *src,
                                                                       size_t start, size_t end, const uint8_t *needle,
                                                                       size_t needle_size) {
  const size_t last_place = needle_size - 1;
  const size_t second_place = needle_size > 1 ? 1 : 0;
  const __m256i first = _mm256_set1_epi8((char)needle[0]);
  const __m256i second = _mm256_set1_epi8((char)needle[second_place]);
  const __m256i last = _mm256_set1_epi8((char)needle[last_place]);
  size_t offset = start;
  while (offset < end && end - offset >= needle_size + 63) {
    __m256i low = tsdb_label_places(src + offset, second_place, last_place, first, second, last);
    __m256i high = tsdb_label_places(src + offset + 32, second_place, last_place, first, second, last);
    __m256i any = _mm256_or_si256(low, high);
    if (__builtin_expect(_mm256_testz_si256(any, any), 1)) {
      offset += 64;
      continue;
    }
    uint64_t mask = (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
    size_t next = offset + 64;
    for (; mask != 0; mask &= mask - 1) {
      size_t place = offset + (size_t)__builtin_ctzll(mask);
      if (memcmp(src + place, needle, needle_size) != 0) continue;
      size_t after = tsdb_label_finds_add(finds, place);
      // The rest of this value need not be searched.
      if (after > place + 1) {
        next = after;
        break;
      }
    }
    offset = next;
  }
  if (offset < end) tsdb_label_search_portable(finds, src, offset, end, needle, needle_size);
}
#endif

static tsdb_status tsdb_label_find_by(tsdb_label_search search, const uint8_t *src, size_t src_size,
                                      const tsdb_label_slice *slices, size_t slice_count, const uint8_t *needle,
                                      size_t needle_size, uint32_t *indices, size_t index_capacity, size_t *out_count) {
  *out_count = 0;
  if (needle_size == 0) return TSDB_ERR_ARGUMENT;
  if (index_capacity < slice_count) return TSDB_ERR_CAPACITY;
  if (slice_count == 0) return TSDB_OK;
  if (!tsdb_label_slice_is_inside(slices[0], src_size) || !tsdb_label_slice_is_inside(slices[slice_count - 1], src_size)) {
    return TSDB_ERR_REFERENCE;
  }
  tsdb_label_finds finds = {slices, slice_count, needle_size, 0, indices, 0};
  search(&finds, src, slices[0].offset, (size_t)slices[slice_count - 1].offset + slices[slice_count - 1].size, needle,
         needle_size);
  *out_count = finds.count;
  return TSDB_OK;
}

tsdb_status tsdb_label_find(const uint8_t *src, size_t src_size, const tsdb_label_slice *slices, size_t slice_count,
                            const uint8_t *needle, size_t needle_size, uint32_t *indices, size_t index_capacity,
                            size_t *out_count) {
  tsdb_label_search search = tsdb_label_search_portable;
#if defined(__x86_64__)
  const uint32_t needed = TSDB_CPU_AVX2 | TSDB_CPU_BMI;
  if ((tsdb_cpu_features() & needed) == needed) search = tsdb_label_search_avx2;
#endif
  return tsdb_label_find_by(search, src, src_size, slices, slice_count, needle, needle_size, indices, index_capacity,
                            out_count);
}

tsdb_status tsdb_label_find_portable(const uint8_t *src, size_t src_size, const tsdb_label_slice *slices,
                                     size_t slice_count, const uint8_t *needle, size_t needle_size, uint32_t *indices,
                                     size_t index_capacity, size_t *out_count) {
  return tsdb_label_find_by(tsdb_label_search_portable, src, src_size, slices, slice_count, needle, needle_size, indices,
                            index_capacity, out_count);
}

tsdb_status tsdb_label_find_suffix(const uint8_t *src, size_t src_size, const tsdb_label_slice *slices, size_t slice_count,
                                   const uint8_t *suffix, size_t suffix_size, size_t size_min, uint32_t *indices,
                                   size_t index_capacity, size_t *out_count) {
  *out_count = 0;
  if (suffix_size == 0) return TSDB_ERR_ARGUMENT;
  if (index_capacity < slice_count) return TSDB_ERR_CAPACITY;
  const uint8_t last = suffix[suffix_size - 1];
  if (size_min < suffix_size) size_min = suffix_size;
  size_t count = 0;
  for (size_t index = 0; index < slice_count; index++) {
    if (!tsdb_label_slice_is_inside(slices[index], src_size)) return TSDB_ERR_REFERENCE;
    if (slices[index].size < size_min) continue;
    const uint8_t *end = src + slices[index].offset + slices[index].size;
    if (end[-1] != last || memcmp(end - suffix_size, suffix, suffix_size) != 0) continue;
    indices[count++] = (uint32_t)index;
  }
  *out_count = count;
  return TSDB_OK;
}
