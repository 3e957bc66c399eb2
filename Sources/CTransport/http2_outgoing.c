// Heads, bodies and trailers on their way out over HTTP/2: answers of a server, requests of a client.
#include <stdio.h>

#include "http2_fields.h"

// nghttp2 asks for bytes of a body; after the last it gets the trailers.
static ssize_t on_read(nghttp2_session *http2, int32_t id, uint8_t *buffer, size_t capacity, uint32_t *flags,
                       nghttp2_data_source *source, void *user) {
  (void)user;
  transport_stream *const stream = source->ptr;
  if (stream->is_cut || (stream->queued == 0 && !stream->has_ended)) {
    stream->is_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  size_t const taken = stream_take(stream, buffer, capacity);
  if (stream->queued == 0 && stream->has_ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    stream->has_sent_end = true;
    const transport_prepared *const prepared = stream->prepared_trailers;
    if (prepared != NULL) {
      if (nghttp2_submit_trailer(http2, id, prepared->fields, prepared->count) == 0) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    } else if (stream->has_trailers) {
      field_block block;
      size_t const count = stream->trailers.count;
      const transport_field *const fields = fields_resolve(&stream->trailers);
      if (block_new(&block, fields, count, 0) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      block_put_all(&block, fields, count);
      if (nghttp2_submit_trailer(http2, id, block.fields, block.count) == 0) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      block_free(&block);
    }
  }
  return (ssize_t)taken;
}

int http2_respond(transport_stream *stream, int status, const transport_field *fields, size_t count, int64_t length,
                  bool ends) {
  (void)length;
  transport_session *const session = stream->session;
  // Three digits: 200 up to 999.
  char const status_text[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
  bool is_grpc = false;
  bool has_date = false;
  bool has_length = false;
  for (size_t i = 0; i < count; i++) {
    transport_text const value = fields[i].value;
    has_length = has_length || text_is(fields[i].name, "content-length");
    has_date = has_date || text_is(fields[i].name, "date");
    is_grpc = is_grpc || (text_is(fields[i].name, "content-type") && value.length >= 16 &&
                          memcmp(value.bytes, "application/grpc", 16) == 0);
  }
  field_block block;
  if (block_new(&block, fields, count, 3) != 0) return -1;
  block_put(&block, ":status", (transport_text){(const uint8_t *)status_text, 3});
  block_put_all(&block, fields, count);
  char length_text[24];
  if (!is_grpc && !has_length && length >= 0 && status != 204 && status != 304) {
    int const n = snprintf(length_text, sizeof length_text, "%lld", (long long)length);
    block_put(&block, "content-length", (transport_text){(const uint8_t *)length_text, (size_t)n});
  }
  // gRPC has no use for a date.
  if (!is_grpc && !has_date) {
    const char *const date = session_date();
    block_put(&block, "date", (transport_text){(const uint8_t *)date, strlen(date)});
  }
  nghttp2_data_provider const provider = {.source = {.ptr = stream}, .read_callback = on_read};
  int const result = nghttp2_submit_response(session->http2, stream->id, block.fields, block.count, ends ? NULL : &provider);
  block_free(&block);
  return result == 0 ? 0 : -1;
}

int transport_stream_answer(transport_stream *stream, const transport_prepared *head, transport_text prefix,
                            transport_text body, const transport_prepared *trailers) {
  transport_session *const session = stream->session;
  if (session->is_client || session->protocol != TRANSPORT_PROTOCOL_HTTP2 || stream->has_head) return -1;
  if (head == NULL || trailers == NULL) return -1;
  stream->has_head = true;
  if (stream_write_joined(stream, prefix, body) != 0) return -1;
  nghttp2_data_provider const provider = {.source = {.ptr = stream}, .read_callback = on_read};
  if (nghttp2_submit_response(session->http2, stream->id, head->fields, head->count, &provider) != 0) return -1;
  stream->prepared_trailers = trailers;
  stream->has_ended = true;
  return 0;
}

// MARK: Requests

static bool takes_request(const transport_session *session) {
  return session->is_client && session->http2 != NULL && !session->is_shutting_down && !session->has_failed &&
         nghttp2_session_check_request_allowed(session->http2) != 0;
}

// A new stream with this head.
static transport_stream *request(transport_session *session, const field_block *block, bool ends, void *user) {
  transport_stream *const stream = stream_new(session);
  if (stream == NULL) return NULL;
  nghttp2_data_provider const provider = {.source = {.ptr = stream}, .read_callback = on_read};
  int32_t const id =
      nghttp2_submit_request(session->http2, NULL, block->fields, block->count, ends ? NULL : &provider, stream);
  if (id < 0) {
    stream_close(stream, TRANSPORT_CLOSE_LOCAL, 0);
    return NULL;
  }
  stream->id = id;
  stream->user = user;
  stream->is_announced = true;
  stream->has_head = true;
  stream->has_ended = ends;
  return stream;
}

transport_stream *transport_session_request(transport_session *session, const transport_head *head, bool ends, void *user) {
  if (!takes_request(session)) return NULL;
  field_block block;
  if (block_new(&block, head->fields, head->field_count, 4) != 0) return NULL;
  block_put(&block, ":method", head->method);
  block_put(&block, ":scheme", head->scheme);
  block_put(&block, ":authority", head->authority);
  block_put(&block, ":path", head->target);
  block_put_all(&block, head->fields, head->field_count);
  transport_stream *const stream = request(session, &block, ends, user);
  block_free(&block);
  return stream;
}

transport_stream *transport_session_call(transport_session *session, const transport_prepared *head, transport_text target,
                                         const transport_field *fields, size_t count, transport_text prefix,
                                         transport_text body, void *user) {
  field_block block;
  if (!takes_request(session) || block_new(&block, fields, count, head->count) != 0) return NULL;
  memcpy(block.fields, head->fields, head->count * sizeof *block.fields);
  block.count = head->count;
  // The last of the four that come first.
  block.fields[3].value = (uint8_t *)(uintptr_t)target.bytes;
  block.fields[3].valuelen = target.length;
  block_put_all(&block, fields, count);
  transport_stream *const stream = request(session, &block, false, user);
  block_free(&block);
  if (stream == NULL) return NULL;
  if (stream_write_joined(stream, prefix, body) != 0) {
    http2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    return stream;
  }
  stream->has_ended = true;
  return stream;
}
