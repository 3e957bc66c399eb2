// How far two label blobs go together, as one number: an offset-value code.
//
//   code   29 bits: how early they part │ 32 bits: four bytes from there │ 3 bits: how many of the four there are, + 1; 0: the end
//
// Of two blobs that are both behind a third, and measured against it, the one with the smaller code is first. Only of equal codes,
// which are those of blobs that part from the third at the same place with the same four bytes, the bytes must be looked at, and
// only from the pair where that is. Names and values are cut into pieces of four bytes from their begin, so that two blobs cannot
// part within what another pair of them takes as a whole; a piece that is shorter comes before a longer one that it begins.
//
// A place is the number of a byte: q + 4 k in the name of the pair that begins at q, q + n + 1 + 4 k in its value, n being the size of
// the name. Blobs that go together up to a pair have it at the same place, as lengths are written in one way only.
#ifndef TSDB_LABEL_BLOB_CODES_H
#define TSDB_LABEL_BLOB_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tsdb/bytes.h"
#include "tsdb/series_response.h"

#define LABEL_CODE_SAME UINT64_C(0)     ///< Nothing parts them.
#define LABEL_CODE_UNKNOWN UINT64_C(1)  ///< To be found out by comparing.
#define LABEL_CODE_END UINT64_MAX       ///< Behind all labels.

/// Places from here on are not told apart by codes.
#define LABEL_CODE_PLACES ((UINT64_C(1) << 29) - 1)

/// How b lies to a.
typedef struct label_distance {
  int order;       ///< Negative where a is first, positive where b is, 0 for the same.
  uint32_t pair;   ///< Where the pair begins in which they part; both have the same bytes before it.
  uint64_t code;   ///< Of the one that is behind, measured against the other.
} label_distance;

/// How many bytes from the begin are the same.
static inline size_t label_bytes_common(const uint8_t *a, const uint8_t *b, size_t size) {
  typedef uint64_t words __attribute__((vector_size(16)));
  size_t at = 0;
  for (; size - at >= 16; at += 16) {
    words word_a, word_b;
    memcpy(&word_a, a + at, sizeof word_a);
    memcpy(&word_b, b + at, sizeof word_b);
    words different = word_a ^ word_b;
    if (__builtin_expect((different[0] | different[1]) != 0, 0)) {
      if (different[0] != 0) return at + (size_t)__builtin_ctzll(different[0]) / 8;
      return at + 8 + (size_t)__builtin_ctzll(different[1]) / 8;
    }
  }
  if (size - at >= 8) {
    uint64_t word_a, word_b;
    memcpy(&word_a, a + at, sizeof word_a);
    memcpy(&word_b, b + at, sizeof word_b);
    if (word_a != word_b) return at + (size_t)__builtin_ctzll(word_a ^ word_b) / 8;
    at += 8;
  }
  if (size - at >= 4) {
    uint32_t half_a, half_b;
    memcpy(&half_a, a + at, sizeof half_a);
    memcpy(&half_b, b + at, sizeof half_b);
    if (half_a != half_b) return at + (size_t)__builtin_ctz(half_a ^ half_b) / 8;
    at += 4;
  }
  while (at < size && a[at] == b[at]) at++;
  return at;
}

/// The piece at `at` of a string, and whether it is one of four bytes, as the lower bits of a code.
static inline uint64_t label_piece(const uint8_t *string, size_t size, size_t at) {
  size_t count = size - at;
  if (count >= 4) return (uint64_t)tsdb_load_be32(string + at) << 3 | 5;
  uint64_t bytes = 0;
  for (size_t byte = 0; byte < 4; byte++) bytes = bytes << 8 | (byte < count ? string[at + byte] : 0);
  return bytes << 3 | (count + 1);
}

/// The code of what parts at `place` with this piece.
static inline uint64_t label_code(size_t place, uint64_t piece) {
  return place >= LABEL_CODE_PLACES ? LABEL_CODE_UNKNOWN : (LABEL_CODE_PLACES - place) << 35 | piece;
}

/// Sets order and code where two strings part, of which `common` bytes are known to be the same, or where one of them ends.
/// Returns false for the same strings. `place` is that of their first byte.
static inline bool label_strings_part(tsdb_bytes_view a, tsdb_bytes_view b, size_t common, size_t place,
                                      label_distance *distance) {
  size_t shorter = a.size < b.size ? a.size : b.size;
  if (common > shorter) common = shorter;
  if (common < shorter) common += label_bytes_common(a.bytes + common, b.bytes + common, shorter - common);
  if (common == shorter && a.size == b.size) return false;
  distance->order = common == shorter ? (a.size < b.size ? -1 : 1) : (a.bytes[common] < b.bytes[common] ? -1 : 1);
  tsdb_bytes_view behind = distance->order < 0 ? b : a;
  size_t piece = common & ~(size_t)3;
  distance->code = label_code(place + piece, label_piece(behind.bytes, behind.size, piece));
  return true;
}

/// A pair as bytes lie.
typedef struct label_pair {
  tsdb_bytes_view name;
  tsdb_bytes_view value;
  size_t end;  ///< Where the next one begins.
} label_pair;

/// Reads the pair at `at`. Returns false at the end, and at bytes that are none.
static inline bool label_pair_at(tsdb_bytes_view blob, size_t at, label_pair *out_pair) {
  const uint8_t *bytes = blob.bytes + at;
  size_t left = blob.size - at;
  if (left >= 6 && bytes[0] == 0x0A && bytes[2] == 0x0A && (bytes[1] | bytes[3]) < 0x80) {
    size_t size = bytes[1], name_size = bytes[3];
    if (size + 2 <= left && name_size + 4 <= size) {
      size_t value_size = size - name_size - 4;
      if (bytes[4 + name_size] == 0x12 && bytes[5 + name_size] == value_size) {
        *out_pair = (label_pair){{bytes + 4, name_size}, {bytes + 6 + name_size, value_size}, at + 2 + size};
        return true;
      }
    }
  }
  out_pair->end = at;
  return tsdb_label_blob_next(blob, &out_pair->end, &out_pair->name, &out_pair->value);
}

/// Measures two blobs, whose bytes before `from`, the begin of a pair, are known to be the same.
static inline label_distance label_distance_of(tsdb_bytes_view a, tsdb_bytes_view b, size_t from) {
  label_distance distance = {.code = LABEL_CODE_SAME};
  size_t shorter = a.size < b.size ? a.size : b.size;
  size_t parted = from + label_bytes_common(a.bytes + from, b.bytes + from, shorter - from);
  if (parted == shorter && a.size == b.size) return distance;
  // Pairs that are the same.
  size_t pair = from;
  while (pair + 2 <= parted && a.bytes[pair + 1] < 0x80 && pair + 2 + a.bytes[pair + 1] <= parted) {
    pair += 2 + (size_t)a.bytes[pair + 1];
  }
  for (;;) {
    label_pair pair_a = {0}, pair_b = {0};
    bool has_a = label_pair_at(a, pair, &pair_a), has_b = label_pair_at(b, pair, &pair_b);
    distance.pair = pair < UINT32_MAX ? (uint32_t)pair : 0;
    if (!has_a || !has_b) {
      tsdb_bytes_view name = has_a ? pair_a.name : pair_b.name;
      distance.order = has_a - has_b;
      distance.code = distance.order == 0 ? LABEL_CODE_UNKNOWN : label_code(pair, label_piece(name.bytes, name.size, 0));
      return distance;
    }
    // Where the bytes part within the values, their sizes are the same, and so are the names.
    size_t value_start = (size_t)(pair_a.value.bytes - a.bytes);
    size_t common = parted > value_start ? parted - value_start : 0;
    if (common == 0 && label_strings_part(pair_a.name, pair_b.name, 0, pair, &distance)) return distance;
    if (label_strings_part(pair_a.value, pair_b.value, common, pair + pair_a.name.size + 1, &distance)) return distance;
    if (pair_a.end != pair_b.end) {
      // The same label written in two ways, by nobody we know.
      distance.code = LABEL_CODE_UNKNOWN;
      distance.order = tsdb_label_blobs_compare(a, b);
      distance.pair = 0;
      return distance;
    }
    pair = pair_a.end;
  }
}

#endif
