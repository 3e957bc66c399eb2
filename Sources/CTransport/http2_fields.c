#include "http2_fields.h"

void block_put(field_block *block, const char *name, transport_text value) {
  block->fields[block->count++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value.bytes, strlen(name),
                                               value.length, NGHTTP2_NV_FLAG_NONE};
}

static size_t text_bytes(const transport_field *fields, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) bytes += fields[i].name.length + fields[i].value.length;
  return bytes;
}

int block_new(field_block *block, const transport_field *fields, size_t count, size_t more) {
  block->count = 0;
  size_t const size = (count + more) * sizeof *block->fields + text_bytes(fields, count);
  block->fields = size <= sizeof block->room ? (nghttp2_nv *)(void *)block->room : malloc(size);
  if (block->fields == NULL) return -1;
  block->text = (uint8_t *)(block->fields + count + more);
  return 0;
}

void block_free(field_block *block) {
  if ((void *)block->fields != (void *)block->room) free(block->fields);
}

// Those that may be sent, one after the other, with their text at `text`. Returns how many.
static size_t lay_out(nghttp2_nv *laid, uint8_t *text, const transport_field *fields, size_t count, uint8_t flags) {
  size_t laid_count = 0;
  for (size_t i = 0; i < count; i++) {
    transport_text const name = fields[i].name;
    transport_text const value = fields[i].value;
    if (!is_token(name.bytes, name.length) || text_is(name, "connection") || text_is(name, "transfer-encoding") ||
        text_is(name, "keep-alive")) {
      continue;
    }
    lower_name(text, name.bytes, name.length);
    uint8_t *const copied = text + name.length;
    for (size_t j = 0; j < value.length; j++) {
      uint8_t const byte = value.bytes[j];
      copied[j] = byte < 0x20 && byte != '\t' ? ' ' : byte;
    }
    laid[laid_count++] = (nghttp2_nv){text, copied, name.length, value.length, flags};
    text = copied + value.length;
  }
  return laid_count;
}

void block_put_all(field_block *block, const transport_field *fields, size_t count) {
  block->count += lay_out(block->fields + block->count, block->text, fields, count, NGHTTP2_NV_FLAG_NONE);
}

// MARK: Prepared ones

enum { STAYS = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };

static uint8_t *add(transport_prepared *prepared, uint8_t *text, const char *name, transport_text value, uint8_t flags) {
  if (value.length > 0) memcpy(text, value.bytes, value.length);
  prepared->fields[prepared->count++] =
      (nghttp2_nv){(uint8_t *)(uintptr_t)name, text, strlen(name), value.length, flags};
  return text + value.length;
}

transport_prepared *transport_prepared_new(const transport_head *head) {
  size_t const own = 4;
  size_t const text = head->method.length + head->scheme.length + head->authority.length + 3 +
                      text_bytes(head->fields, head->field_count);
  transport_prepared *const prepared =
      malloc(sizeof *prepared + (own + head->field_count) * sizeof prepared->fields[0] + text);
  if (prepared == NULL) return NULL;
  prepared->count = 0;
  uint8_t *next = (uint8_t *)(prepared->fields + own + head->field_count);
  if (head->method.length > 0) {
    next = add(prepared, next, ":method", head->method, STAYS);
    next = add(prepared, next, ":scheme", head->scheme, STAYS);
    next = add(prepared, next, ":authority", head->authority, STAYS);
    // Its value is another one's each time.
    next = add(prepared, next, ":path", (transport_text){0}, NGHTTP2_NV_FLAG_NO_COPY_NAME);
  } else if (head->status >= 100 && head->status <= 999) {
    uint8_t const status[3] = {(uint8_t)('0' + head->status / 100), (uint8_t)('0' + head->status / 10 % 10),
                               (uint8_t)('0' + head->status % 10)};
    next = add(prepared, next, ":status", (transport_text){status, 3}, STAYS);
  }
  prepared->count += lay_out(prepared->fields + prepared->count, next, head->fields, head->field_count, STAYS);
  return prepared;
}

void transport_prepared_free(transport_prepared *prepared) { free(prepared); }
