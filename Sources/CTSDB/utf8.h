// UTF-8: whether bytes are, and how far a character goes. Internal.
#ifndef TSDB_UTF8_H
#define TSDB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Length of the UTF-8 character at src, which has at least one byte; 0 if there is none.
static inline size_t utf8_character_size(const uint8_t *src, size_t src_size) {
  uint8_t lead = src[0];
  size_t size = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (size == 0 || size > src_size) return 0;
  for (size_t i = 1; i < size; i++) {
    if ((src[i] & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  if (lead == 0xE0 && src[1] < 0xA0) return 0;
  if (lead == 0xED && src[1] >= 0xA0) return 0;
  if (lead == 0xF0 && src[1] < 0x90) return 0;
  if (lead == 0xF4 && src[1] >= 0x90) return 0;
  return size;
}

/// Whether all bytes are below 0x80.
static inline bool utf8_is_ascii(const uint8_t *bytes, size_t size) {
  uint64_t word, any = 0;
  if (size >= 8) {
    // Words, the last of which may overlap the one before it.
    for (size_t at = 0; at + 8 < size; at += 8) {
      memcpy(&word, bytes + at, sizeof word);
      any |= word;
    }
    memcpy(&word, bytes + size - 8, sizeof word);
    any |= word;
  } else if (size >= 4) {
    uint32_t first, last;
    memcpy(&first, bytes, sizeof first);
    memcpy(&last, bytes + size - 4, sizeof last);
    any = first | last;
  } else if (size > 0) {
    any = (uint64_t)(bytes[0] | bytes[size / 2] | bytes[size - 1]);
  }
  return (any & UINT64_C(0x8080808080808080)) == 0;
}

/// Whether the bytes are UTF-8, one character after another.
static inline bool utf8_is_valid(const uint8_t *at, const uint8_t *end) {
  while (at < end) {
    size_t left = (size_t)(end - at), run = left < 64 ? left : 64;
    if (utf8_is_ascii(at, run)) {
      at += run;
      continue;
    }
    // As far as it goes, a character beyond ASCII at least.
    for (const uint8_t *stop = at + run; at < stop;) {
      size_t size = utf8_character_size(at, (size_t)(end - at));
      if (size == 0) return false;
      at += size;
    }
  }
  return true;
}

#endif
