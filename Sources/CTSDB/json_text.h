// Strings of JSON, for all that writes them. Internal.
#ifndef TSDB_JSON_TEXT_H
#define TSDB_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Where JSON is being written: `at` never passes `end`.
typedef struct json_cursor {
  uint8_t *at;
  uint8_t *end;
} json_cursor;

/// Writes some bytes as they are. Returns false, having written nothing, where there is no room for them.
static inline bool json_bytes_put(json_cursor *cursor, const void *bytes, size_t size) {
  if ((size_t)(cursor->end - cursor->at) < size) return false;
  memcpy(cursor->at, bytes, size);
  cursor->at += size;
  return true;
}

/// Writes a string with its quotation marks, escaped for HTML and made UTF-8. `has_short_escapes`: \b and \f as Go's own encoder has them since
/// 1.22, not as \u0008 and \u000c. Returns false where there is no room.
bool json_text_put(json_cursor *cursor, const uint8_t *src, size_t src_size, bool has_short_escapes);

#endif
