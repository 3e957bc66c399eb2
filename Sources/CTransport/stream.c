// Streams: their queues, and what is the same for both protocols.
#include "session_state.h"

transport_stream *stream_new(transport_session *session) {
  transport_stream *stream = session->spare;
  if (stream != NULL) {
    session->spare = stream->next;
    session->spare_count -= 1;
  } else {
    stream = malloc(sizeof *stream);
    if (stream == NULL) return NULL;
    stream->trailers = stream->heading = (field_list){0};
  }
  memset(stream, 0, offsetof(transport_stream, trailers));
  stream->session = session;
  stream->length_left = -1;
  stream->sent_ms = session->now_ms;
  stream->next = session->streams;
  if (stream->next != NULL) stream->next->previous = stream;
  session->streams = stream;
  session->stream_count += 1;
  return stream;
}

static void part_free(transport_stream *stream, body_part *part) {
  if (part->release != NULL) part->release(part->owner);
  if (part == &stream->small_part) {
    stream->has_small_part = false;
  } else {
    free(part);
  }
}

static void queue_drop(transport_stream *stream) {
  while (stream->queue != NULL) {
    body_part *const part = stream->queue;
    stream->queue = part->next;
    part_free(stream, part);
  }
  stream->queue_end = NULL;
  stream->queued = 0;
}

static void stream_free(transport_stream *stream) {
  fields_free(&stream->trailers);
  fields_free(&stream->heading);
  free(stream);
}

// For a stream to come.
static void keep_fields(field_list *list) {
  if (list->text.capacity > SPARE_FIELDS_BYTES) fields_free(list);
  fields_clear(list);
}

void stream_close(transport_stream *stream, transport_close reason, uint32_t http2_code) {
  transport_session *const session = stream->session;
  if (stream->previous != NULL) {
    stream->previous->next = stream->next;
  } else {
    session->streams = stream->next;
  }
  if (stream->next != NULL) stream->next->previous = stream->previous;
  session->stream_count -= 1;
  if (session->stream_count == 0) session->idle_ms = session->now_ms;
  if (stream->is_woken) {
    transport_stream **link = &session->wake;
    while (*link != stream) link = &(*link)->wake_next;
    *link = stream->wake_next;
  }
  // What its reader did not take no longer holds back the connection.
  size_t const held = stream->held;
  stream->held = 0;
  session->held -= held;
  queue_drop(stream);
  if (stream->is_announced) session->handlers.on_close(session->context, stream, stream->user, reason, http2_code);
  if (session->spare_count >= SPARE_STREAMS_MAX) {
    stream_free(stream);
    return;
  }
  keep_fields(&stream->trailers);
  keep_fields(&stream->heading);
  session->spare_count += 1;
  stream->next = session->spare;
  session->spare = stream;
}

void streams_free_spare(transport_session *session, size_t kept) {
  while (session->spare_count > kept) {
    transport_stream *const stream = session->spare;
    session->spare = stream->next;
    session->spare_count -= 1;
    stream_free(stream);
  }
}

void stream_wake(transport_stream *stream) {
  if (stream->is_woken) return;
  stream->is_woken = true;
  stream->wake_next = stream->session->wake;
  stream->session->wake = stream;
}

void stream_give_body(transport_stream *stream, const uint8_t *bytes, size_t length) {
  transport_session *const session = stream->session;
  stream->held += length;
  session->held += length;
  session->handlers.on_body(session->context, stream, stream->user, bytes, length);
  stream_wake(stream);
}

// Tells the writer that bytes have left the queue.
static void tell_sent(transport_stream *stream, size_t length) {
  transport_session *const session = stream->session;
  if (length == 0 || !stream->is_announced || session->handlers.on_sent == NULL) return;
  session->handlers.on_sent(session->context, stream, stream->user, length);
}

size_t stream_take(transport_stream *stream, uint8_t *destination, size_t capacity) {
  size_t taken = 0;
  bool has_finished_part = false;
  while (taken < capacity && stream->queue != NULL) {
    body_part *const part = stream->queue;
    size_t const room = capacity - taken;
    size_t const length = part->length < room ? part->length : room;
    if (length > 0) memcpy(destination + taken, part->bytes, length);
    part->bytes += length;
    part->length -= length;
    taken += length;
    if (part->length > 0) break;
    stream->queue = part->next;
    if (stream->queue == NULL) stream->queue_end = NULL;
    part_free(stream, part);
    has_finished_part = true;
  }
  stream->queued -= taken;
  stream->untold += taken;
  if (taken > 0) stream->sent_ms = stream->session->now_ms;
  // A writer hears of whole parts, not of each frame.
  if (has_finished_part) {
    size_t const untold = stream->untold;
    stream->untold = 0;
    tell_sent(stream, untold);
  }
  return taken;
}

void *transport_stream_user(const transport_stream *stream) { return stream->user; }

void transport_stream_set_user(transport_stream *stream, void *user) { stream->user = user; }

size_t transport_stream_queued(const transport_stream *stream) { return stream->queued; }

int transport_stream_respond(transport_stream *stream, int status, const transport_field *fields, size_t count,
                             int64_t length, bool ends) {
  if (stream->session->is_client || stream->has_head || status < 200 || status > 999) return -1;
  int const result = stream->session->protocol == TRANSPORT_PROTOCOL_HTTP2
                         ? http2_respond(stream, status, fields, count, length, ends)
                         : http1_respond(stream, status, fields, count, length, ends);
  if (result != 0) return -1;
  stream->has_head = true;
  if (ends) stream->has_ended = true;
  return 0;
}

static void resume(transport_stream *stream) {
  if (stream->is_deferred) http2_resume(stream);
}

// Whether bytes that are written now are to be queued; what is dropped is told as sent.
static bool takes_body(transport_stream *stream, size_t length) {
  bool const is_open = stream->has_head && !stream->has_ended;
  if (is_open && !stream->has_no_body && length > 0) return true;
  tell_sent(stream, length);
  return false;
}

static void enqueue(transport_stream *stream, body_part *part) {
  size_t const length = part->length;
  if (stream->queue_end != NULL) {
    stream->queue_end->next = part;
  } else {
    stream->queue = part;
    // A stream that had nothing to send was not stalled.
    stream->sent_ms = stream->session->now_ms;
  }
  stream->queue_end = part;
  stream->queued += length;
  resume(stream);
}

int transport_stream_write(transport_stream *stream, const uint8_t *bytes, size_t length, void (*release)(void *owner),
                           void *owner) {
  if (!takes_body(stream, length)) {
    if (release != NULL) release(owner);
    return stream->has_head && !stream->has_ended ? 0 : -1;
  }
  body_part *const part = malloc(sizeof *part);
  if (part == NULL) {
    if (release != NULL) release(owner);
    tell_sent(stream, length);
    return -1;
  }
  *part = (body_part){.bytes = bytes, .length = length, .release = release, .owner = owner};
  enqueue(stream, part);
  return 0;
}

int stream_write_joined(transport_stream *stream, transport_text prefix, transport_text body) {
  if (body.length > SIZE_MAX - sizeof(body_part) - prefix.length) return -1;
  size_t const length = prefix.length + body.length;
  uint8_t *kept = stream->small_body;
  body_part *part = &stream->small_part;
  if (length <= SMALL_BODY_BYTES && !stream->has_small_part) {
    stream->has_small_part = true;
  } else {
    part = malloc(sizeof *part + length);
    if (part == NULL) {
      tell_sent(stream, length);
      return -1;
    }
    kept = (uint8_t *)(part + 1);
  }
  if (prefix.length > 0) memcpy(kept, prefix.bytes, prefix.length);
  if (body.length > 0) memcpy(kept + prefix.length, body.bytes, body.length);
  *part = (body_part){.bytes = kept, .length = length};
  enqueue(stream, part);
  return 0;
}

int transport_stream_write_copy(transport_stream *stream, const uint8_t *bytes, size_t length) {
  if (!takes_body(stream, length)) return stream->has_head && !stream->has_ended ? 0 : -1;
  return stream_write_joined(stream, (transport_text){0}, (transport_text){bytes, length});
}

int transport_stream_end(transport_stream *stream, const transport_field *trailers, size_t count) {
  if (!stream->has_head || stream->has_ended) return -1;
  for (size_t i = 0; i < count; i++) {
    if (!is_token(trailers[i].name.bytes, trailers[i].name.length)) continue;
    if (fields_add(&stream->trailers, trailers[i].name, trailers[i].value) != 0) return -1;
  }
  stream->has_trailers = stream->trailers.count > 0;
  stream->has_ended = true;
  resume(stream);
  return 0;
}

void transport_stream_reset(transport_stream *stream, uint32_t http2_code) {
  if (stream->session->protocol == TRANSPORT_PROTOCOL_HTTP2) {
    http2_reset(stream, http2_code);
  } else {
    http1_reset(stream);
  }
}

void transport_stream_consume(transport_stream *stream, size_t length) {
  size_t const taken = length < stream->held ? length : stream->held;
  if (taken == 0) return;
  stream->held -= taken;
  stream->session->held -= taken;
  if (stream->session->protocol == TRANSPORT_PROTOCOL_HTTP2) http2_consume(stream, taken);
}

void transport_stream_continue(transport_stream *stream) {
  if (!stream->awaits_continue || stream->has_head) return;
  stream->awaits_continue = false;
  if (stream->session->protocol == TRANSPORT_PROTOCOL_HTTP2) {
    http2_continue(stream);
  } else {
    http1_continue(stream);
  }
}
