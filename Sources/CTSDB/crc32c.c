// CRC-32C: a portable variant that looks eight bytes up at a time, and one on SSE4.2's crc32 instruction.
//
// The instruction takes 8 bytes in 3 cycles of latency but can start one every cycle, so long inputs are cut into three
// streams that run side by side:
//
//      | stream A | stream B | stream C |      each L bytes; A starts with the crc so far, B and C with 0
//
// CRCs are polynomials modulo P: the crc of A‖B‖C is A·x^(16L) + B·x^(8L) + C. A carry-less product of a crc and the
// constant x^(n - 33) mod P, run through the instruction once more, is the crc moved on by n bits: 64 of them by the
// instruction, less the 31 by which two reflected 32-bit factors stand too low (n - 33 + 64 - 31 = n).
#include "tsdb/crc32c.h"

#include "tsdb/bytes.h"
#include "tsdb/cpu_features.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

// ---- Portable ---------------------------------------------------------------------------------------------------------

// tsdb_crc32c_table[k][b]: what byte b does to the crc when k more bytes follow it. CRCs are linear, so an entry is the
// XOR of the entries of its single bits: those eight a row are all that is written down, the compiler does the rest.
#define TSDB_ENTRY(i, b0, b1, b2, b3, b4, b5, b6, b7)                                                                    \
  (((i) & 1 ? UINT32_C(b0) : 0) ^ ((i) & 2 ? UINT32_C(b1) : 0) ^ ((i) & 4 ? UINT32_C(b2) : 0) ^                          \
   ((i) & 8 ? UINT32_C(b3) : 0) ^ ((i) & 16 ? UINT32_C(b4) : 0) ^ ((i) & 32 ? UINT32_C(b5) : 0) ^                        \
   ((i) & 64 ? UINT32_C(b6) : 0) ^ ((i) & 128 ? UINT32_C(b7) : 0))
#define TSDB_ENTRIES_4(i, ...)                                                                                           \
  TSDB_ENTRY(i, __VA_ARGS__), TSDB_ENTRY((i) + 1, __VA_ARGS__), TSDB_ENTRY((i) + 2, __VA_ARGS__),                        \
      TSDB_ENTRY((i) + 3, __VA_ARGS__)
#define TSDB_ENTRIES_16(i, ...)                                                                                          \
  TSDB_ENTRIES_4(i, __VA_ARGS__), TSDB_ENTRIES_4((i) + 4, __VA_ARGS__), TSDB_ENTRIES_4((i) + 8, __VA_ARGS__),            \
      TSDB_ENTRIES_4((i) + 12, __VA_ARGS__)
#define TSDB_ENTRIES_64(i, ...)                                                                                          \
  TSDB_ENTRIES_16(i, __VA_ARGS__), TSDB_ENTRIES_16((i) + 16, __VA_ARGS__), TSDB_ENTRIES_16((i) + 32, __VA_ARGS__),       \
      TSDB_ENTRIES_16((i) + 48, __VA_ARGS__)
#define TSDB_ROW(...)                                                                                                    \
  {TSDB_ENTRIES_64(0, __VA_ARGS__), TSDB_ENTRIES_64(64, __VA_ARGS__), TSDB_ENTRIES_64(128, __VA_ARGS__),                 \
   TSDB_ENTRIES_64(192, __VA_ARGS__)}

static const uint32_t tsdb_crc32c_table[8][256] = {
    TSDB_ROW(0xF26B8303, 0xE13B70F7, 0xC79A971F, 0x8AD958CF, 0x105EC76F, 0x20BD8EDE, 0x417B1DBC, 0x82F63B78),
    TSDB_ROW(0x13A29877, 0x274530EE, 0x4E8A61DC, 0x9D14C3B8, 0x3FC5F181, 0x7F8BE302, 0xFF17C604, 0xFBC3FAF9),
    TSDB_ROW(0xA541927E, 0x4F6F520D, 0x9EDEA41A, 0x38513EC5, 0x70A27D8A, 0xE144FB14, 0xC76580D9, 0x8B277743),
    TSDB_ROW(0xDD45AAB8, 0xBF672381, 0x7B2231F3, 0xF64463E6, 0xE964B13D, 0xD725148B, 0xABA65FE7, 0x52A0C93F),
    TSDB_ROW(0x38116FAC, 0x7022DF58, 0xE045BEB0, 0xC5670B91, 0x8F2261D3, 0x1BA8B557, 0x37516AAE, 0x6EA2D55C),
    TSDB_ROW(0xEF306B19, 0xDB8CA0C3, 0xB2F53777, 0x6006181F, 0xC00C303E, 0x85F4168D, 0x0E045BEB, 0x1C08B7D6),
    TSDB_ROW(0x68032CC8, 0xD0065990, 0xA5E0C5D1, 0x4E2DFD53, 0x9C5BFAA6, 0x3D5B83BD, 0x7AB7077A, 0xF56E0EF4),
    TSDB_ROW(0x493C7D27, 0x9278FA4E, 0x211D826D, 0x423B04DA, 0x847609B4, 0x0D006599, 0x1A00CB32, 0x34019664),
};

uint32_t tsdb_crc32c_portable(uint32_t crc, const uint8_t *src, size_t src_size) {
  const uint32_t(*table)[256] = tsdb_crc32c_table;
  crc = ~crc;
  size_t index = 0;
  for (; src_size - index >= 8; index += 8) {
    uint64_t word = __builtin_bswap64(tsdb_load_be64(src + index)) ^ crc;
    crc = table[7][word & 0xFF] ^ table[6][word >> 8 & 0xFF] ^ table[5][word >> 16 & 0xFF] ^ table[4][word >> 24 & 0xFF] ^
          table[3][word >> 32 & 0xFF] ^ table[2][word >> 40 & 0xFF] ^ table[1][word >> 48 & 0xFF] ^ table[0][word >> 56];
  }
  for (; index < src_size; index++) crc = crc >> 8 ^ table[0][(crc ^ src[index]) & 0xFF];
  return ~crc;
}

// ---- SSE4.2 -----------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
#define TSDB_SSE42 __attribute__((target("sse4.2,pclmul")))

// The crc instruction reads words as the machine stores them, least significant byte first.
static inline uint64_t tsdb_load_native64(const uint8_t *src) {
  uint64_t value;
  memcpy(&value, src, sizeof value);
  return value;
}

TSDB_SSE42 static inline uint64_t tsdb_crc32c_times(uint64_t crc, uint32_t constant) {
  __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi32_si128((int32_t)constant), 0);
  return (uint64_t)_mm_cvtsi128_si64(product);
}

/// Three streams of `stream_size` bytes (a multiple of 8), joined. `twice` and `once` are x^(16L-33) and x^(8L-33) mod P.
TSDB_SSE42 static inline __attribute__((always_inline)) uint64_t tsdb_crc32c_three(
    uint64_t crc, const uint8_t *src, size_t stream_size, uint32_t twice, uint32_t once) {
  uint64_t second = 0;
  uint64_t third = 0;
  for (size_t index = 0; index < stream_size; index += 8) {
    crc = _mm_crc32_u64(crc, tsdb_load_native64(src + index));
    second = _mm_crc32_u64(second, tsdb_load_native64(src + stream_size + index));
    third = _mm_crc32_u64(third, tsdb_load_native64(src + 2 * stream_size + index));
  }
  return third ^ _mm_crc32_u64(0, tsdb_crc32c_times(crc, twice) ^ tsdb_crc32c_times(second, once));
}

TSDB_SSE42 static uint32_t tsdb_crc32c_sse42(uint32_t crc_before, const uint8_t *src, size_t src_size) {
  uint64_t crc = ~crc_before;
  for (; src_size >= 3 * 1024; src += 3 * 1024, src_size -= 3 * 1024) {
    crc = tsdb_crc32c_three(crc, src, 1024, 0xA51B6135, 0x170076FA);
  }
  for (; src_size >= 3 * 256; src += 3 * 256, src_size -= 3 * 256) {
    crc = tsdb_crc32c_three(crc, src, 256, 0xDD7E3B0C, 0xB9E02B86);
  }
  for (; src_size >= 3 * 64; src += 3 * 64, src_size -= 3 * 64) {
    crc = tsdb_crc32c_three(crc, src, 64, 0x0D3B6092, 0x9E4ADDF8);
  }
  for (; src_size >= 8; src += 8, src_size -= 8) crc = _mm_crc32_u64(crc, tsdb_load_native64(src));
  if (src_size >= 4) {
    uint32_t word;
    memcpy(&word, src, sizeof word);
    crc = _mm_crc32_u32((uint32_t)crc, word);
    src += 4;
    src_size -= 4;
  }
  for (; src_size > 0; src++, src_size--) crc = _mm_crc32_u8((uint32_t)crc, *src);
  return ~(uint32_t)crc;
}
#endif

uint32_t tsdb_crc32c(uint32_t crc, const uint8_t *src, size_t src_size) {
#if defined(__x86_64__)
  const uint32_t needed = TSDB_CPU_SSE42 | TSDB_CPU_CLMUL;
  if (__builtin_expect((tsdb_cpu_features() & needed) == needed, 1)) return tsdb_crc32c_sse42(crc, src, src_size);
#endif
  return tsdb_crc32c_portable(crc, src, src_size);
}
