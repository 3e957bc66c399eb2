// Fields as nghttp2 takes them.
#pragma once
#include <stdalign.h>

#include "session_state.h"

// Fields of one message. Text is copied by nghttp2; what may not stand in a value becomes a space before.
typedef struct field_block {
  nghttp2_nv *fields;
  size_t count;
  uint8_t *text;
  // Where they lie if they are few.
  alignas(nghttp2_nv) uint8_t room[2048];
} field_block;

// Room for `count` fields with their text, and for `more` of ours.
int block_new(field_block *block, const transport_field *fields, size_t count, size_t more);
void block_free(field_block *block);
// A field of ours, whose text is good and stays.
void block_put(field_block *block, const char *name, transport_text value);
// Fields with text of others; those that HTTP/2 does not know are left out.
void block_put_all(field_block *block, const transport_field *fields, size_t count);

// Fields that many messages have, checked and copied once.
struct transport_prepared {
  size_t count;
  nghttp2_nv fields[];
};
