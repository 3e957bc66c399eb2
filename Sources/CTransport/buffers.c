// Buffers that grow, and lists of fields in them.
#include "session_state.h"

int buffer_reserve(byte_buffer *buffer, size_t more) {
  if (more > SIZE_MAX / 4 || buffer->length > SIZE_MAX / 4) return -1;
  size_t const needed = buffer->length + more;
  if (needed <= buffer->capacity) return 0;
  size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
  while (capacity < needed) capacity *= 2;
  uint8_t *const bytes = realloc(buffer->bytes, capacity);
  if (bytes == NULL) return -1;
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return 0;
}

int buffer_append(byte_buffer *buffer, const void *bytes, size_t length) {
  if (length == 0) return 0;
  if (buffer_reserve(buffer, length) != 0) return -1;
  memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
  return 0;
}

void buffer_free(byte_buffer *buffer) {
  free(buffer->bytes);
  *buffer = (byte_buffer){0};
}

void buffer_drop_front(byte_buffer *buffer, size_t length) {
  if (length >= buffer->length) {
    // A large one is not kept for connections that do nothing.
    if (buffer->capacity > 4096) {
      buffer_free(buffer);
    }
    buffer->length = 0;
    return;
  }
  if (length == 0) return;
  memmove(buffer->bytes, buffer->bytes + length, buffer->length - length);
  buffer->length -= length;
}

int fields_add(field_list *list, transport_text name, transport_text value) {
  if (list->count == list->capacity) {
    size_t const capacity = list->capacity == 0 ? 8 : list->capacity * 2;
    transport_field *const fields = realloc(list->fields, capacity * sizeof *fields);
    if (fields == NULL) return -1;
    list->fields = fields;
    size_t *const offsets = realloc(list->offsets, capacity * sizeof *offsets);
    if (offsets == NULL) return -1;
    list->offsets = offsets;
    list->capacity = capacity;
  }
  size_t const offset = list->text.length;
  if (buffer_append(&list->text, name.bytes, name.length) != 0) return -1;
  if (buffer_append(&list->text, value.bytes, value.length) != 0) {
    list->text.length = offset;
    return -1;
  }
  list->offsets[list->count] = offset;
  list->fields[list->count].name = (transport_text){NULL, name.length};
  list->fields[list->count].value = (transport_text){NULL, value.length};
  list->count += 1;
  return 0;
}

const transport_field *fields_resolve(field_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    transport_field *const field = &list->fields[i];
    // A list whose texts are all empty has no buffer.
    if (list->text.bytes == NULL) continue;
    field->name.bytes = list->text.bytes + list->offsets[i];
    field->value.bytes = field->name.bytes + field->name.length;
  }
  return list->fields;
}

void fields_clear(field_list *list) {
  list->count = 0;
  list->text.length = 0;
}

void fields_free(field_list *list) {
  buffer_free(&list->text);
  free(list->fields);
  free(list->offsets);
  *list = (field_list){0};
}
