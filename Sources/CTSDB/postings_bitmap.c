// A set of series references as one bit each. References are dense: in index version 2 a reference is an offset / 16, and a
// series takes some 80 bytes.
#include "tsdb/postings_bitmap.h"

#include <assert.h>

#include "tsdb/cpu_features.h"

#include "postings_refs.h"

TSDB_INLINE tsdb_status tsdb_postings_bitmap_add_inline(tsdb_postings_bitmap *bitmap, const uint8_t *refs, size_t count,
                                                        bool is_native) {
  uint64_t *words = bitmap->words;
  const size_t word_count = bitmap->word_count;
  const uint32_t first_ref = bitmap->first_ref;
  // Plainly, each into memory: gathering the bits of one word in a register first was measured 2 to 4 times slower, as its
  // branch (or its chain of selects) costs more than a store that the next load has to wait for.
  for (size_t index = 0; index < count; index++) {
    size_t bit = (size_t)tsdb_load_ref(refs, index, is_native) - first_ref;
    // A reference below first_ref wraps around to a huge place.
    if (__builtin_expect(bit / 64 >= word_count, 0)) return TSDB_ERR_REFERENCE;
    words[bit / 64] |= UINT64_C(1) << bit % 64;
  }
  return TSDB_OK;
}

tsdb_status tsdb_postings_bitmap_add(tsdb_postings_bitmap *bitmap, tsdb_postings list) {
  assert(bitmap->first_ref % 64 == 0);
  return list.is_native ? tsdb_postings_bitmap_add_inline(bitmap, list.refs, list.count, true)
                        : tsdb_postings_bitmap_add_inline(bitmap, list.refs, list.count, false);
}

tsdb_status tsdb_postings_bitmap_add_stored(tsdb_postings_bitmap *bitmap, const uint8_t *src, size_t src_size,
                                            uint64_t src_offset, const uint64_t *offsets, size_t list_count,
                                            size_t *out_failed) {
  assert(bitmap->first_ref % 64 == 0);
  for (size_t index = 0; index < list_count; index++) {
    *out_failed = index;
    uint64_t start = offsets[index] - src_offset;
    if (offsets[index] < src_offset || start > src_size) return TSDB_ERR_TRUNCATED;
    tsdb_postings list;
    tsdb_status status = tsdb_postings_open_inline(src + start, src_size - (size_t)start, true, &list);
    if (status != TSDB_OK) return status;
    status = tsdb_postings_bitmap_add_inline(bitmap, list.refs, list.count, false);
    if (status != TSDB_OK) return status;
  }
  *out_failed = list_count;
  return TSDB_OK;
}

tsdb_status tsdb_postings_stored_count(const uint8_t *src, size_t src_size, uint64_t src_offset, const uint64_t *offsets,
                                       size_t list_count, uint64_t *out_count) {
  uint64_t total = 0;
  uint64_t end = list_count > 0 ? offsets[0] : 0;
  *out_count = 0;
  for (size_t index = 0; index < list_count; index++) {
    uint64_t start = offsets[index] - src_offset;
    if (offsets[index] < src_offset || start > src_size) return TSDB_ERR_TRUNCATED;
    if (offsets[index] != end) return TSDB_ERR_ORDER;
    tsdb_postings list;
    tsdb_status status = tsdb_postings_open_inline(src + start, src_size - (size_t)start, false, &list);
    if (status != TSDB_OK) return status;
    total += list.count;
    // Size, count, references and checksum: multiples of four, so that nothing is padded.
    end = offsets[index] + 12 + 4 * (uint64_t)list.count;
  }
  *out_count = total;
  return TSDB_OK;
}

size_t tsdb_postings_bitmap_count(const tsdb_postings_bitmap *bitmap) {
  size_t count = 0;
  for (size_t index = 0; index < bitmap->word_count; index++) count += (size_t)__builtin_popcountll(bitmap->words[index]);
  return count;
}

TSDB_INLINE tsdb_status tsdb_postings_bitmap_read_inline(const tsdb_postings_bitmap *bitmap, uint32_t *dst,
                                                         size_t dst_capacity, size_t *out_count) {
  size_t count = 0;
  *out_count = 0;
  for (size_t index = 0; index < bitmap->word_count; index++) {
    uint64_t word = bitmap->words[index];
    if (word == 0) continue;
    uint32_t base = bitmap->first_ref + (uint32_t)(64 * index);
    size_t bits = (size_t)__builtin_popcountll(word);
    if (dst_capacity - count >= 64) {
      // Four at a time and some too many, which the next word overwrites: the number of turns is easier to guess.
      uint32_t *target = dst + count;
      for (size_t done = 0; done < bits; done += 4) {
        for (size_t part = 0; part < 4; part++) {
          target[done + part] = base + (uint32_t)(word == 0 ? 0 : __builtin_ctzll(word));
          word &= word - 1;
        }
      }
    } else {
      if (bits > dst_capacity - count) return TSDB_ERR_CAPACITY;
      for (uint32_t *target = dst + count; word != 0; word &= word - 1) *target++ = base + (uint32_t)__builtin_ctzll(word);
    }
    count += bits;
  }
  *out_count = count;
  return TSDB_OK;
}

#if defined(__x86_64__)
// tzcnt, blsr and popcnt in one instruction each; tzcnt needs no special case for 0.
__attribute__((target("bmi,bmi2,popcnt"))) static tsdb_status tsdb_postings_bitmap_read_bmi(
    const tsdb_postings_bitmap *bitmap, uint32_t *dst, size_t dst_capacity, size_t *out_count) {
  return tsdb_postings_bitmap_read_inline(bitmap, dst, dst_capacity, out_count);
}
#endif

tsdb_status tsdb_postings_bitmap_read(const tsdb_postings_bitmap *bitmap, uint32_t *dst, size_t dst_capacity,
                                      size_t *out_count) {
#if defined(__x86_64__)
  const uint32_t needed = TSDB_CPU_BMI | TSDB_CPU_POPCNT;
  if ((tsdb_cpu_features() & needed) == needed) return tsdb_postings_bitmap_read_bmi(bitmap, dst, dst_capacity, out_count);
#endif
  return tsdb_postings_bitmap_read_inline(bitmap, dst, dst_capacity, out_count);
}
