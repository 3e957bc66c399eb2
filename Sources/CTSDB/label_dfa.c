// See label_dfa.h. The search for a literal compares its first and last byte at 32 places at once (a pair of bytes is rare
// enough), looks closer where both are right, and then finds out which value the place belongs to.
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
  return TSDB_OK;
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

tsdb_status tsdb_label_dfa_match_many(const tsdb_label_dfa *dfa, const uint8_t *src, size_t src_size,
                                      const tsdb_label_slice *slices, size_t slice_count, const uint32_t *candidates,
                                      size_t candidate_count, uint32_t *indices, size_t index_capacity, size_t *out_count) {
  *out_count = 0;
  const size_t total = candidates != NULL ? candidate_count : slice_count;
  if (index_capacity < total) return TSDB_ERR_CAPACITY;
  const uint8_t *class_of_byte = dfa->class_of_byte;
  const uint32_t *rows = dfa->rows;
  const uint32_t class_count = dfa->class_count;
  const uint32_t start = dfa->start;
  size_t count = 0;
  for (size_t place = 0; place < total; place++) {
    size_t index = candidates != NULL ? candidates[place] : place;
    if (index >= slice_count || !tsdb_label_slice_is_inside(slices[index], src_size)) return TSDB_ERR_REFERENCE;
    indices[count] = (uint32_t)index;
    count += tsdb_label_dfa_run(class_of_byte, rows, class_count, start, src + slices[index].offset, slices[index].size);
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
__attribute__((target("avx2,bmi"))) static void tsdb_label_search_avx2(tsdb_label_finds *finds, const uint8_t *src,
                                                                       size_t start, size_t end, const uint8_t *needle,
                                                                       size_t needle_size) {
  const __m256i first = _mm256_set1_epi8((char)needle[0]);
  const __m256i last = _mm256_set1_epi8((char)needle[needle_size - 1]);
  size_t offset = start;
  while (offset < end && end - offset >= needle_size + 31) {
    __m256i at_first = _mm256_loadu_si256((const __m256i_u *)(const void *)(src + offset));
    __m256i at_last = _mm256_loadu_si256((const __m256i_u *)(const void *)(src + offset + needle_size - 1));
    __m256i both = _mm256_and_si256(_mm256_cmpeq_epi8(at_first, first), _mm256_cmpeq_epi8(at_last, last));
    uint32_t mask = (uint32_t)_mm256_movemask_epi8(both);
    size_t next = offset + 32;
    for (; mask != 0; mask &= mask - 1) {
      size_t place = offset + (size_t)__builtin_ctz(mask);
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
