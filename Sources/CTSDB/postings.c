// Set operations on postings lists.
//
// Lists of like length are compared eight by eight: a block of one against all rotations of a block of the other, and the
// block whose largest reference is smaller moves on. Lists of unlike length: each reference of the short one is looked for
// in the long one by steps that double, then by halving. Unions go through a bitmap over the references, which are dense: in
// index version 2 a reference is an offset / 16, and a series takes some 80 bytes.
#include "tsdb/postings.h"

#include <assert.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/cpu_features.h"
#include "tsdb/postings_bitmap.h"

#include "postings_refs.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// From this ratio of lengths on the short list is looked up in the long one.
#define TSDB_SKEW 24
/// Up to this ratio the lookup goes in strides, beyond it in doubling steps.
#define TSDB_STRIDE_MAX 400

// ---- Lists ------------------------------------------------------------------------------------------------------------

tsdb_status tsdb_postings_validate(const uint8_t *src, size_t src_size, size_t *out_index) {
  *out_index = 0;
  if (src_size % 4 != 0) return TSDB_ERR_TRUNCATED;
  for (size_t index = 1; index < src_size / 4; index++) {
    if (tsdb_load_ref(src, index, false) <= tsdb_load_ref(src, index - 1, false)) {
      *out_index = index;
      return TSDB_ERR_ORDER;
    }
  }
  return TSDB_OK;
}

tsdb_status tsdb_postings_open(const uint8_t *src, size_t src_size, bool check_crc, tsdb_postings *out_list) {
  return tsdb_postings_open_inline(src, src_size, check_crc, out_list);
}

// ---- Search -----------------------------------------------------------------------------------------------------------

/// The first index at or after `start` whose reference is not below `ref`, or `count`.
TSDB_INLINE size_t tsdb_postings_gallop(const uint8_t *refs, size_t start, size_t count, uint32_t ref, bool is_native) {
  if (start >= count || tsdb_load_ref(refs, start, is_native) >= ref) return start;
  // refs[low] < ref throughout.
  size_t low = start;
  size_t step = 1;
  while (step < count - low && tsdb_load_ref(refs, low + step, is_native) < ref) {
    low += step;
    step *= 2;
  }
  size_t length = step < count - low ? step : count - low;
  // The answer lies in (low, low + length]. Halving by a conditional move: the compare is as good as random.
  while (length > 1) {
    size_t half = length / 2;
    low = tsdb_load_ref(refs, low + half, is_native) < ref ? low + half : low;
    length -= half;
  }
  return low + 1;
}

// ---- Portable variants ------------------------------------------------------------------------------------------------

TSDB_INLINE void tsdb_postings_copy(tsdb_postings list, size_t start, size_t end, uint32_t *dst) {
  if (list.is_native) {
    if (end > start) memcpy(dst, list.refs + 4 * start, 4 * (end - start));
    return;
  }
  for (size_t index = start; index < end; index++) *dst++ = tsdb_load_ref(list.refs, index, false);
}

TSDB_INLINE size_t tsdb_postings_merge_intersect(const uint8_t *a, size_t a_count, bool a_native, const uint8_t *b,
                                                 size_t b_count, bool b_native, uint32_t *dst) {
  size_t a_index = 0;
  size_t b_index = 0;
  size_t count = 0;
  while (a_index < a_count && b_index < b_count) {
    uint32_t left = tsdb_load_ref(a, a_index, a_native);
    uint32_t right = tsdb_load_ref(b, b_index, b_native);
    // dst has room for a_count: count never passes a_index.
    dst[count] = left;
    count += left == right;
    a_index += left <= right;
    b_index += right <= left;
  }
  return count;
}

TSDB_INLINE size_t tsdb_postings_merge_subtract(const uint8_t *a, size_t a_count, bool a_native, const uint8_t *b,
                                                size_t b_count, bool b_native, uint32_t *dst) {
  size_t a_index = 0;
  size_t b_index = 0;
  size_t count = 0;
  while (a_index < a_count && b_index < b_count) {
    uint32_t left = tsdb_load_ref(a, a_index, a_native);
    uint32_t right = tsdb_load_ref(b, b_index, b_native);
    dst[count] = left;
    count += left < right;
    a_index += left <= right;
    // b stays where they are equal, so that a repeated reference of a is dropped each time.
    b_index += right < left;
  }
  for (; a_index < a_count; a_index++) dst[count++] = tsdb_load_ref(a, a_index, a_native);
  return count;
}

/// Keeps the first of equal neighbours. Lists that repeat a reference are rare: mostly this only looks.
TSDB_INLINE size_t tsdb_postings_unique(uint32_t *refs, size_t count) {
  size_t index = 1;
  while (count > index && count - index >= 32) {
    // Without an early end, so that the compiler compares many at once.
    uint32_t equal = 0;
    for (size_t part = 0; part < 32; part++) equal |= refs[index + part] == refs[index + part - 1];
    if (equal != 0) break;
    index += 32;
  }
  while (index < count && refs[index] != refs[index - 1]) index++;
  if (index >= count) return count;
  size_t kept = index;
  for (; index < count; index++) {
    if (refs[index] != refs[kept - 1]) refs[kept++] = refs[index];
  }
  return kept;
}

/// The same by steps of 32: better where the answer is expected some hundred references on, as memory is then read in a
/// pattern that the processor foresees.
TSDB_INLINE size_t tsdb_postings_stride(const uint8_t *refs, size_t start, size_t count, uint32_t ref, bool is_native) {
  while (count - start >= 32 && tsdb_load_ref(refs, start + 31, is_native) < ref) {
    start += 32;
    if (count - start > 256) __builtin_prefetch(refs + 4 * (start + 256));
  }
  size_t length = count - start < 32 ? count - start : 32;
  size_t below = 0;
  if (length == 32) {
    for (size_t part = 0; part < 32; part++) below += tsdb_load_ref(refs, start + part, is_native) < ref;
  } else {
    while (below < length && tsdb_load_ref(refs, start + below, is_native) < ref) below++;
  }
  return start + below;
}

/// a ∩ b, or a − b if `inverted`, where a is much shorter.
TSDB_INLINE size_t tsdb_postings_lookup_by(const uint8_t *a, size_t a_count, bool a_native, const uint8_t *b, size_t b_count,
                                           bool b_native, bool inverted, bool by_stride, uint32_t *dst) {
  size_t count = 0;
  size_t b_index = 0;
  for (size_t index = 0; index < a_count; index++) {
    uint32_t ref = tsdb_load_ref(a, index, a_native);
    b_index = by_stride ? tsdb_postings_stride(b, b_index, b_count, ref, b_native)
                        : tsdb_postings_gallop(b, b_index, b_count, ref, b_native);
    if (b_index == b_count) {
      if (!inverted) break;
      dst[count++] = ref;
      continue;
    }
    dst[count] = ref;
    count += (tsdb_load_ref(b, b_index, b_native) == ref) != inverted;
  }
  return count;
}

TSDB_INLINE size_t tsdb_postings_lookup(const uint8_t *a, size_t a_count, bool a_native, const uint8_t *b, size_t b_count,
                                        bool b_native, bool inverted, uint32_t *dst) {
  if (b_count / TSDB_STRIDE_MAX < a_count) {
    return tsdb_postings_lookup_by(a, a_count, a_native, b, b_count, b_native, inverted, true, dst);
  }
  return tsdb_postings_lookup_by(a, a_count, a_native, b, b_count, b_native, inverted, false, dst);
}

// Constant arguments for the innermost loops: four copies of each.
#define TSDB_BY_ORDER(call, a, b, ...)                                                                                   \
  ((a).is_native ? (b).is_native ? call((a).refs, (a).count, true, (b).refs, (b).count, true, __VA_ARGS__)               \
                                 : call((a).refs, (a).count, true, (b).refs, (b).count, false, __VA_ARGS__)              \
   : (b).is_native ? call((a).refs, (a).count, false, (b).refs, (b).count, true, __VA_ARGS__)                            \
                   : call((a).refs, (a).count, false, (b).refs, (b).count, false, __VA_ARGS__))

typedef void (*tsdb_copy_function)(tsdb_postings list, size_t start, size_t end, uint32_t *dst);
typedef size_t (*tsdb_copy_below_function)(tsdb_postings list, size_t start, uint64_t limit, uint32_t *dst, bool *repeats);
typedef size_t (*tsdb_dense_function)(tsdb_postings a, tsdb_postings b, bool inverted, uint32_t *dst);

static void tsdb_postings_copy_portable(tsdb_postings list, size_t start, size_t end, uint32_t *dst) {
  tsdb_postings_copy(list, start, end, dst);
}

/// Copies references from `start` on while they are below `limit`; returns where that ends. Sets *repeats where one equals
/// its predecessor.
TSDB_INLINE size_t tsdb_postings_copy_below(tsdb_postings list, size_t start, uint64_t limit, uint32_t *dst, bool *repeats) {
  bool equal = false;
  size_t index = start;
  for (; index < list.count; index++) {
    uint32_t ref = tsdb_ref_at(list, index);
    if (ref >= limit) break;
    *dst++ = ref;
    equal |= index > 0 && ref == tsdb_ref_at(list, index - 1);
  }
  *repeats |= equal;
  return index;
}

static size_t tsdb_postings_copy_below_portable(tsdb_postings list, size_t start, uint64_t limit, uint32_t *dst,
                                                bool *repeats) {
  return tsdb_postings_copy_below(list, start, limit, dst, repeats);
}

static size_t tsdb_postings_skewed_portable(tsdb_postings a, tsdb_postings b, bool inverted, uint32_t *dst) {
  return inverted ? TSDB_BY_ORDER(tsdb_postings_lookup, a, b, true, dst) : TSDB_BY_ORDER(tsdb_postings_lookup, a, b, false, dst);
}

static size_t tsdb_postings_dense_portable(tsdb_postings a, tsdb_postings b, bool inverted, uint32_t *dst) {
  return inverted ? TSDB_BY_ORDER(tsdb_postings_merge_subtract, a, b, dst)
                  : TSDB_BY_ORDER(tsdb_postings_merge_intersect, a, b, dst);
}

// ---- AVX2 -------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
/// Both lists in step. Writes a's references found in b or, if `inverted`, those not found: at most a.count.
/// `found` are the bits of a's first eight references that are known to be in b already.
TSDB_INLINE size_t tsdb_postings_walk(tsdb_postings a, tsdb_postings b, bool inverted, uint32_t found, uint32_t *dst) {
  size_t count = 0;
  size_t b_index = 0;
  for (size_t index = 0; index < a.count; index++) {
    uint32_t ref = tsdb_ref_at(a, index);
    b_index = tsdb_postings_gallop(b.refs, b_index, b.count, ref, b.is_native);
    bool is_found = (index < 8 && (found >> index & 1) != 0) || (b_index < b.count && tsdb_ref_at(b, b_index) == ref);
    dst[count] = ref;
    count += is_found != inverted;
  }
  return count;
}

#define TSDB_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define TSDB_AVX2_INLINE static inline __attribute__((always_inline, target("avx2,bmi,bmi2,popcnt")))

// tsdb_compress[mask]: the numbers of the set bits of mask, one a byte, lowest first: a permutation that brings the chosen
// lanes of a block to its front.
#define TSDB_LANE(m, i) ((m) >> (i) & 1 ? UINT64_C(i) << 8 * __builtin_popcount((m) & ((1 << (i)) - 1)) : 0)
#define TSDB_LANES(m)                                                                                                    \
  (TSDB_LANE(m, 0) | TSDB_LANE(m, 1) | TSDB_LANE(m, 2) | TSDB_LANE(m, 3) | TSDB_LANE(m, 4) | TSDB_LANE(m, 5) |           \
   TSDB_LANE(m, 6) | TSDB_LANE(m, 7))
#define TSDB_LANES_4(m) TSDB_LANES(m), TSDB_LANES((m) + 1), TSDB_LANES((m) + 2), TSDB_LANES((m) + 3)
#define TSDB_LANES_16(m) TSDB_LANES_4(m), TSDB_LANES_4((m) + 4), TSDB_LANES_4((m) + 8), TSDB_LANES_4((m) + 12)
#define TSDB_LANES_64(m) TSDB_LANES_16(m), TSDB_LANES_16((m) + 16), TSDB_LANES_16((m) + 32), TSDB_LANES_16((m) + 48)
static const uint64_t tsdb_compress[256] = {TSDB_LANES_64(0), TSDB_LANES_64(64), TSDB_LANES_64(128), TSDB_LANES_64(192)};

TSDB_AVX2_INLINE __m256i tsdb_load_block(const uint8_t *refs, size_t index, bool is_native) {
  __m256i block = _mm256_loadu_si256((const __m256i_u *)(const void *)(refs + 4 * index));
  if (is_native) return block;
  const __m256i swap = _mm256_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10,
                                        9, 8, 15, 14, 13, 12);
  return _mm256_shuffle_epi8(block, swap);
}

TSDB_AVX2 static void tsdb_postings_copy_avx2(tsdb_postings list, size_t start, size_t end, uint32_t *dst) {
  if (list.is_native) {
    tsdb_postings_copy(list, start, end, dst);
    return;
  }
  for (; end - start >= 8; start += 8, dst += 8) {
    _mm256_storeu_si256((__m256i_u *)(void *)dst, tsdb_load_block(list.refs, start, false));
  }
  for (; start < end; start++) *dst++ = tsdb_load_ref(list.refs, start, false);
}

TSDB_AVX2 static size_t tsdb_postings_copy_below_avx2(tsdb_postings list, size_t start, uint64_t limit, uint32_t *dst,
                                                      bool *repeats) {
  size_t index = start;
  if (index == 0) {
    // The first one has no predecessor to be compared with.
    if (list.count == 0 || tsdb_ref_at(list, 0) >= limit) return 0;
    *dst++ = tsdb_ref_at(list, 0);
    index = 1;
  }
  __m256i equal = _mm256_setzero_si256();
  while (list.count - index >= 32 && tsdb_ref_at(list, index + 31) < limit) {
    for (size_t part = 0; part < 32; part += 8) {
      // Equality is the same in either byte order.
      equal = _mm256_or_si256(equal, _mm256_cmpeq_epi32(tsdb_load_block(list.refs, index + part, true),
                                                        tsdb_load_block(list.refs, index + part - 1, true)));
      __m256i block = list.is_native ? tsdb_load_block(list.refs, index + part, true)
                                     : tsdb_load_block(list.refs, index + part, false);
      _mm256_storeu_si256((__m256i_u *)(void *)(dst + part), block);
    }
    dst += 32;
    index += 32;
  }
  *repeats |= !_mm256_testz_si256(equal, equal);
  return tsdb_postings_copy_below(list, index, limit, dst, repeats);
}

/// The lanes of `a` that occur in `b`, as bits.
TSDB_AVX2_INLINE uint32_t tsdb_block_matches(__m256i a, __m256i b) {
  // Four rotations within the halves, then the same with the halves exchanged.
  __m256i other = _mm256_permute2x128_si256(b, b, 1);
  __m256i m0 = _mm256_cmpeq_epi32(a, b);
  __m256i m1 = _mm256_cmpeq_epi32(a, _mm256_shuffle_epi32(b, 0x39));
  __m256i m2 = _mm256_cmpeq_epi32(a, _mm256_shuffle_epi32(b, 0x4E));
  __m256i m3 = _mm256_cmpeq_epi32(a, _mm256_shuffle_epi32(b, 0x93));
  __m256i m4 = _mm256_cmpeq_epi32(a, other);
  __m256i m5 = _mm256_cmpeq_epi32(a, _mm256_shuffle_epi32(other, 0x39));
  __m256i m6 = _mm256_cmpeq_epi32(a, _mm256_shuffle_epi32(other, 0x4E));
  __m256i m7 = _mm256_cmpeq_epi32(a, _mm256_shuffle_epi32(other, 0x93));
  __m256i any = _mm256_or_si256(_mm256_or_si256(_mm256_or_si256(m0, m1), _mm256_or_si256(m2, m3)),
                                _mm256_or_si256(_mm256_or_si256(m4, m5), _mm256_or_si256(m6, m7)));
  return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(any));
}

/// Blocks of eight while both lists have one. Found lanes are collected for the block of `a` and written when it moves on, so
/// what is written never passes what is read: dst needs a_count elements.
TSDB_AVX2_INLINE size_t tsdb_postings_blocks(const uint8_t *a, size_t a_count, bool a_native, const uint8_t *b,
                                             size_t b_count, bool b_native, bool inverted, uint32_t *dst) {
  size_t a_index = 0;
  size_t b_index = 0;
  size_t count = 0;
  uint32_t found = 0;
  const uint32_t flip = inverted ? 0xFF : 0;
  while (a_index + 8 <= a_count && b_index + 8 <= b_count) {
    __m256i block = tsdb_load_block(a, a_index, a_native);
    found |= tsdb_block_matches(block, tsdb_load_block(b, b_index, b_native));
    uint32_t a_last = tsdb_load_ref(a, a_index + 7, a_native);
    uint32_t b_last = tsdb_load_ref(b, b_index + 7, b_native);
    uint32_t kept = found ^ flip;
    __m256i order = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)tsdb_compress[kept]));
    _mm256_storeu_si256((__m256i_u *)(void *)(dst + count), _mm256_permutevar8x32_epi32(block, order));
    // Without branches: which list moves is as good as random.
    bool a_moves = a_last <= b_last;
    // When subtracting, b waits where they are equal: a may repeat the reference in its next block.
    bool b_moves = inverted ? b_last < a_last : b_last <= a_last;
    count += a_moves ? (uint32_t)__builtin_popcount(kept) : 0;
    found = a_moves ? 0 : found;
    a_index += (size_t)a_moves * 8;
    b_index += (size_t)b_moves * 8;
  }
  tsdb_postings a_rest = {a + 4 * a_index, a_count - a_index, a_native};
  tsdb_postings b_rest = {b + 4 * b_index, b_count - b_index, b_native};
  if (b_rest.count < 8 && a_rest.count > 64) {
    // What b still holds is gone after a few more; the rest of a is copied or dropped as a whole.
    size_t near = 8;
    if (b_rest.count > 0) {
      near = tsdb_postings_gallop(a_rest.refs, 0, a_rest.count, tsdb_ref_at(b_rest, b_rest.count - 1), a_native);
      while (near < a_rest.count && tsdb_ref_at(a_rest, near) == tsdb_ref_at(b_rest, b_rest.count - 1)) near++;
      if (near < 8) near = 8;
    }
    tsdb_postings a_near = {a_rest.refs, near, a_native};
    count += tsdb_postings_walk(a_near, b_rest, inverted, found, dst + count);
    if (inverted) {
      tsdb_postings_copy_avx2(a_rest, near, a_rest.count, dst + count);
      count += a_rest.count - near;
    }
    return count;
  }
  return count + tsdb_postings_walk(a_rest, b_rest, inverted, found, dst + count);
}

TSDB_AVX2 static size_t tsdb_postings_dense_avx2(tsdb_postings a, tsdb_postings b, bool inverted, uint32_t *dst) {
  return inverted ? TSDB_BY_ORDER(tsdb_postings_blocks, a, b, true, dst) : TSDB_BY_ORDER(tsdb_postings_blocks, a, b, false, dst);
}

TSDB_AVX2 static size_t tsdb_postings_skewed_avx2(tsdb_postings a, tsdb_postings b, bool inverted, uint32_t *dst) {
  return inverted ? TSDB_BY_ORDER(tsdb_postings_lookup, a, b, true, dst) : TSDB_BY_ORDER(tsdb_postings_lookup, a, b, false, dst);
}
#endif

// ---- Choice of variants -----------------------------------------------------------------------------------------------

typedef struct tsdb_postings_variant {
  tsdb_copy_function copy;
  tsdb_copy_below_function copy_below;
  tsdb_dense_function dense;   // lists of like length
  tsdb_dense_function skewed;  // a much shorter
} tsdb_postings_variant;

static const tsdb_postings_variant tsdb_postings_portable = {tsdb_postings_copy_portable, tsdb_postings_copy_below_portable,
                                                             tsdb_postings_dense_portable, tsdb_postings_skewed_portable};
#if defined(__x86_64__)
static const tsdb_postings_variant tsdb_postings_avx2 = {tsdb_postings_copy_avx2, tsdb_postings_copy_below_avx2,
                                                         tsdb_postings_dense_avx2, tsdb_postings_skewed_avx2};
#endif

static const tsdb_postings_variant *tsdb_postings_fastest(void) {
#if defined(__x86_64__)
  const uint32_t needed = TSDB_CPU_AVX2 | TSDB_CPU_BMI | TSDB_CPU_POPCNT;
  if ((tsdb_cpu_features() & needed) == needed) return &tsdb_postings_avx2;
#endif
  return &tsdb_postings_portable;
}

// ---- Decode, intersect, subtract --------------------------------------------------------------------------------------

static tsdb_status tsdb_postings_decode_by(const tsdb_postings_variant *variant, tsdb_postings list, uint32_t *dst,
                                           size_t dst_capacity, size_t *out_count) {
  *out_count = 0;
  if (dst_capacity < list.count) return TSDB_ERR_CAPACITY;
  if (list.count > 0) variant->copy(list, 0, list.count, dst);
  *out_count = list.count;
  return TSDB_OK;
}

tsdb_status tsdb_postings_decode(tsdb_postings list, uint32_t *dst, size_t dst_capacity, size_t *out_count) {
  return tsdb_postings_decode_by(tsdb_postings_fastest(), list, dst, dst_capacity, out_count);
}

tsdb_status tsdb_postings_decode_portable(tsdb_postings list, uint32_t *dst, size_t dst_capacity, size_t *out_count) {
  return tsdb_postings_decode_by(&tsdb_postings_portable, list, dst, dst_capacity, out_count);
}

size_t tsdb_postings_intersect_bound(size_t a_count, size_t b_count) { return a_count < b_count ? a_count : b_count; }

static tsdb_status tsdb_postings_intersect_by(const tsdb_postings_variant *variant, tsdb_postings a, tsdb_postings b,
                                              uint32_t *dst, size_t dst_capacity, size_t *out_count) {
  *out_count = 0;
  if (dst_capacity < tsdb_postings_intersect_bound(a.count, b.count)) return TSDB_ERR_CAPACITY;
  if (b.count < a.count) {
    tsdb_postings longer = a;
    a = b;
    b = longer;
  }
  if (a.count == 0) return TSDB_OK;
  size_t count = (b.count / TSDB_SKEW >= a.count ? variant->skewed : variant->dense)(a, b, false, dst);
  *out_count = tsdb_postings_unique(dst, count);
  return TSDB_OK;
}

tsdb_status tsdb_postings_intersect(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity,
                                    size_t *out_count) {
  return tsdb_postings_intersect_by(tsdb_postings_fastest(), a, b, dst, dst_capacity, out_count);
}

tsdb_status tsdb_postings_intersect_portable(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity,
                                             size_t *out_count) {
  return tsdb_postings_intersect_by(&tsdb_postings_portable, a, b, dst, dst_capacity, out_count);
}

size_t tsdb_postings_intersect_many_bound(const tsdb_postings *lists, size_t list_count) {
  size_t bound = list_count == 0 ? 0 : lists[0].count;
  for (size_t index = 1; index < list_count; index++) bound = lists[index].count < bound ? lists[index].count : bound;
  return bound;
}

tsdb_status tsdb_postings_intersect_many(tsdb_postings *lists, size_t list_count, uint32_t *dst, size_t dst_capacity,
                                         uint32_t *scratch, size_t scratch_capacity, size_t *out_count) {
  *out_count = 0;
  size_t bound = tsdb_postings_intersect_many_bound(lists, list_count);
  if (dst_capacity < bound || scratch_capacity < bound) return TSDB_ERR_CAPACITY;
  if (bound == 0) return TSDB_OK;
  // Few lists, as a selector has few matchers: insertion sort.
  for (size_t index = 1; index < list_count; index++) {
    tsdb_postings list = lists[index];
    size_t place = index;
    for (; place > 0 && lists[place - 1].count > list.count; place--) lists[place] = lists[place - 1];
    lists[place] = list;
  }
  // Results alternate between the two buffers, so that the last one lies in dst.
  bool into_dst = list_count % 2 == 0 || list_count == 1;
  tsdb_postings result = lists[0];
  if (list_count == 1) {
    size_t count = 0;
    tsdb_status status = tsdb_postings_decode(result, dst, dst_capacity, &count);
    *out_count = tsdb_postings_unique(dst, count);
    return status;
  }
  for (size_t index = 1; index < list_count; index++) {
    uint32_t *target = into_dst ? dst : scratch;
    size_t count = 0;
    tsdb_status status = tsdb_postings_intersect(result, lists[index], target, bound, &count);
    if (status != TSDB_OK) return status;
    result = tsdb_postings_native(target, count);
    if (count == 0) return TSDB_OK;
    into_dst = !into_dst;
  }
  *out_count = result.count;
  return TSDB_OK;
}

/// a − b where b is much shorter: what lies between two references of b is copied as it is.
static size_t tsdb_postings_cut_out(tsdb_copy_below_function copy_below, tsdb_postings a, tsdb_postings b, uint32_t *dst) {
  size_t count = 0;
  size_t start = 0;
  bool repeats = false;
  for (size_t index = 0; index < b.count && start < a.count; index++) {
    uint32_t ref = tsdb_ref_at(b, index);
    size_t end = copy_below(a, start, ref, dst + count, &repeats);
    count += end - start;
    while (end < a.count && tsdb_ref_at(a, end) == ref) end++;
    start = end;
  }
  count += copy_below(a, start, UINT64_MAX, dst + count, &repeats) - start;
  return repeats ? tsdb_postings_unique(dst, count) : count;
}

static tsdb_status tsdb_postings_subtract_by(const tsdb_postings_variant *variant, tsdb_postings a, tsdb_postings b,
                                             uint32_t *dst, size_t dst_capacity, size_t *out_count) {
  *out_count = 0;
  if (dst_capacity < a.count) return TSDB_ERR_CAPACITY;
  if (a.count == 0) return TSDB_OK;
  if (a.count / TSDB_SKEW >= b.count) {
    *out_count = tsdb_postings_cut_out(variant->copy_below, a, b, dst);
    return TSDB_OK;
  }
  size_t count = (b.count / TSDB_SKEW >= a.count ? variant->skewed : variant->dense)(a, b, true, dst);
  *out_count = tsdb_postings_unique(dst, count);
  return TSDB_OK;
}

tsdb_status tsdb_postings_subtract(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity, size_t *out_count) {
  return tsdb_postings_subtract_by(tsdb_postings_fastest(), a, b, dst, dst_capacity, out_count);
}

tsdb_status tsdb_postings_subtract_portable(tsdb_postings a, tsdb_postings b, uint32_t *dst, size_t dst_capacity,
                                            size_t *out_count) {
  return tsdb_postings_subtract_by(&tsdb_postings_portable, a, b, dst, dst_capacity, out_count);
}

// ---- Union ------------------------------------------------------------------------------------------------------------

size_t tsdb_postings_union_bound(const tsdb_postings *lists, size_t list_count) {
  size_t bound = 0;
  for (size_t index = 0; index < list_count; index++) {
    if (__builtin_add_overflow(bound, lists[index].count, &bound)) return SIZE_MAX;
  }
  return bound;
}

/// Words of a bitmap from the smallest first to the largest last reference, or 0 where merging is better.
static size_t tsdb_postings_union_words(const tsdb_postings *lists, size_t list_count, uint32_t *out_first_ref) {
  uint32_t first = UINT32_MAX;
  uint32_t last = 0;
  for (size_t index = 0; index < list_count; index++) {
    if (lists[index].count == 0) continue;
    uint32_t list_first = tsdb_ref_at(lists[index], 0);
    uint32_t list_last = tsdb_ref_at(lists[index], lists[index].count - 1);
    first = list_first < first ? list_first : first;
    last = list_last > last ? list_last : last;
  }
  *out_first_ref = first / 64 * 64;
  size_t words = tsdb_postings_bitmap_bound(first, last);
  // A word costs about as much to clear and to read out as a reference to merge.
  return words / 4 <= tsdb_postings_union_bound(lists, list_count) ? words : 0;
}

size_t tsdb_postings_union_scratch_bound(const tsdb_postings *lists, size_t list_count) {
  uint32_t first_ref;
  size_t words = tsdb_postings_union_words(lists, list_count, &first_ref);
  if (words > 0) return words;
  size_t total = tsdb_postings_union_bound(lists, list_count);
  // Two references a word for the merged runs, and one word a list for their ends.
  return total > SIZE_MAX / 2 - list_count ? SIZE_MAX : total / 2 + 1 + list_count;
}

/// Merges two ascending runs, keeping one of equal references.
static size_t tsdb_postings_merge_runs(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count, uint32_t *dst) {
  size_t a_index = 0;
  size_t b_index = 0;
  size_t count = 0;
  while (a_index < a_count && b_index < b_count) {
    uint32_t left = a[a_index];
    uint32_t right = b[b_index];
    dst[count++] = left < right ? left : right;
    a_index += left <= right;
    b_index += right <= left;
  }
  if (a_index < a_count) memcpy(dst + count, a + a_index, 4 * (a_count - a_index));
  count += a_count - a_index;
  if (b_index < b_count) memcpy(dst + count, b + b_index, 4 * (b_count - b_index));
  return count + (b_count - b_index);
}

/// Neighbouring runs are merged until one is left. `ends` has list_count words, `other` room for all references.
static size_t tsdb_postings_union_merge(const tsdb_postings *lists, size_t list_count, uint32_t *dst, uint32_t *other,
                                        uint64_t *ends) {
  size_t run_count = 0;
  size_t total = 0;
  for (size_t index = 0; index < list_count; index++) {
    if (lists[index].count == 0) continue;
    tsdb_postings_fastest()->copy(lists[index], 0, lists[index].count, dst + total);
    total += lists[index].count;
    ends[run_count++] = total;
  }
  uint32_t *from = dst;
  uint32_t *to = other;
  while (run_count > 1) {
    size_t merged = 0;
    size_t start = 0;
    size_t written = 0;
    for (size_t run = 0; run < run_count; run += 2) {
      size_t middle = (size_t)ends[run];
      size_t end = run + 1 < run_count ? (size_t)ends[run + 1] : middle;
      written += tsdb_postings_merge_runs(from + start, middle - start, from + middle, end - middle, to + written);
      ends[merged++] = written;
      start = end;
    }
    run_count = merged;
    total = written;
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
  if (from != dst && total > 0) memcpy(dst, from, 4 * total);
  return total;
}

tsdb_status tsdb_postings_union(const tsdb_postings *lists, size_t list_count, uint32_t *dst, size_t dst_capacity,
                                uint64_t *scratch, size_t scratch_capacity, size_t *out_count) {
  *out_count = 0;
  if (dst_capacity < tsdb_postings_union_bound(lists, list_count)) return TSDB_ERR_CAPACITY;
  if (scratch_capacity < tsdb_postings_union_scratch_bound(lists, list_count)) return TSDB_ERR_CAPACITY;
  uint32_t first_ref;
  size_t words = tsdb_postings_union_words(lists, list_count, &first_ref);
  if (words == 0) {
    size_t count = tsdb_postings_union_merge(lists, list_count, dst, (uint32_t *)(void *)(scratch + list_count), scratch);
    *out_count = tsdb_postings_unique(dst, count);
    return TSDB_OK;
  }
  memset(scratch, 0, words * sizeof *scratch);
  tsdb_postings_bitmap bitmap = {scratch, words, first_ref};
  for (size_t index = 0; index < list_count; index++) {
    // The bitmap spans all first and last references: only a list that is not ascending leaves it.
    if (tsdb_postings_bitmap_add(&bitmap, lists[index]) != TSDB_OK) return TSDB_ERR_ORDER;
  }
  return tsdb_postings_bitmap_read(&bitmap, dst, dst_capacity, out_count);
}
