// HTTP/1.1 as a server speaks it: one request after the other, bodies by length or in chunks.
#include <http_parser.h>
#include <stdio.h>

#include "session_state.h"

enum { CHUNK_SIZE_DIGITS_MAX = 15 };

static int append(http1 *h, const char *text) { return buffer_append(&h->output, text, strlen(text)); }

static const char *phrase(int status) {
  switch (status) {
#define XX(number, name, string) \
  case number: return #string;
    HTTP_STATUS_MAP(XX)
#undef XX
    default: return "";
  }
}

// Answers for us where a request cannot reach a handler, and ends the connection.
static int refuse(transport_session *session, int status, const char *reason) {
  http1 *const h = &session->http1;
  char head[384];
  char body[256];
  int const length = snprintf(body, sizeof body, "%d %s: %s", status, phrase(status), reason);
  int const head_length =
      snprintf(head, sizeof head,
               "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
               status, phrase(status), length);
  if (length > 0 && head_length > 0) {
    (void)buffer_append(&h->output, head, (size_t)head_length);
    (void)buffer_append(&h->output, body, (size_t)length);
  }
  h->state = HTTP1_CLOSED;
  return -1;
}

// The peer broke its message off where nobody can go on.
static int broken(transport_session *session) {
  http1 *const h = &session->http1;
  h->state = HTTP1_CLOSED;
  transport_stream *const stream = h->stream;
  if (stream == NULL) return -1;
  bool const is_unanswered = !stream->has_head;
  h->stream = NULL;
  stream_close(stream, TRANSPORT_CLOSE_MALFORMED, 0);
  return is_unanswered ? refuse(session, 400, "malformed body") : -1;
}

static void request_ended(transport_session *session, const transport_field *trailers, size_t count) {
  http1 *const h = &session->http1;
  transport_stream *const stream = h->stream;
  h->state = HTTP1_BUSY;
  if (stream == NULL) return;
  stream->has_remote_ended = true;
  stream->awaits_continue = false;
  session->handlers.on_end(session->context, stream, stream->user, trailers, count);
  stream_wake(stream);
}

// After request and answer: the next one, or the end.
static void turn_ended(transport_session *session) {
  http1 *const h = &session->http1;
  transport_stream *const stream = h->stream;
  h->stream = NULL;
  if (h->state == HTTP1_BUSY && h->keeps_alive) {
    h->state = HTTP1_HEAD;
    h->scanned = 0;
    h->head_ms = h->input.length > 0 ? session->now_ms : 0;
  } else if (h->state == HTTP1_BODY && h->keeps_alive && !stream->awaits_continue &&
             h->left <= session->limits.dropped_body_bytes) {
    // The rest of the body is read and dropped, to keep the connection: no stream takes it.
  } else {
    if (h->state == HTTP1_BODY && h->keeps_alive && !stream->awaits_continue) {
      session_limit(session, TRANSPORT_LIMIT_DROPPED_BODY);
    }
    h->state = HTTP1_CLOSED;
    session->is_closing = true;
  }
  stream_close(stream, TRANSPORT_CLOSE_DONE, 0);
}

static void give(transport_session *session, const uint8_t *bytes, size_t length) {
  transport_stream *const stream = session->http1.stream;
  if (stream != NULL && length > 0) stream_give_body(stream, bytes, length);
}

static int begin(transport_session *session, const uint8_t *bytes, size_t length) {
  http1 *const h = &session->http1;
  const char *reason = "malformed request";
  session->events += 1;
  http1_head head;
  int const status = http1_head_read(bytes, length, session->limits.header_fields, &head, &reason);
  if (status != 0) {
    if (status == 431) session_limit(session, TRANSPORT_LIMIT_HEADER_FIELDS);
    return refuse(session, status, reason);
  }
  transport_stream *const stream = stream_new(session);
  if (stream == NULL) return refuse(session, 503, "out of memory");
  head.head.scheme = session->is_secure ? (transport_text){(const uint8_t *)"https", 5}
                                        : (transport_text){(const uint8_t *)"http", 4};
  h->stream = stream;
  h->head_ms = 0;
  h->is_http10 = head.head.version == 10;
  h->is_head_request = text_is(head.head.method, "head") && head.head.method.bytes[0] == 'H';
  h->keeps_alive = head.keeps_alive && !session->is_shutting_down;
  stream->awaits_continue = head.expects_continue && (head.is_chunked || head.content_length > 0);
  stream->is_announced = true;
  stream_wake(stream);
  session->handlers.on_head(session->context, stream, stream->user, &head.head);
  if (head.is_chunked) {
    h->state = HTTP1_CHUNK_SIZE;
    h->left = 0;
    h->size_digits = 0;
  } else if (head.content_length > 0) {
    h->state = HTTP1_BODY;
    h->left = (uint64_t)head.content_length;
  } else {
    request_ended(session, NULL, 0);
  }
  return 0;
}

static int hex_digit(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

// One byte of what frames chunks. Returns 0, or -1 where it may not stand there.
static int chunk_byte(transport_session *session, uint8_t byte) {
  http1 *const h = &session->http1;
  switch (h->state) {
    case HTTP1_CHUNK_SIZE: {
      int const digit = hex_digit(byte);
      if (digit >= 0) {
        if (++h->size_digits > CHUNK_SIZE_DIGITS_MAX) return -1;
        h->left = h->left << 4 | (uint64_t)digit;
        return 0;
      }
      if (h->size_digits == 0) return -1;
      h->extension_bytes = 0;
      if (byte == '\r') {
        h->state = HTTP1_CHUNK_LF;
        return 0;
      }
      h->state = HTTP1_CHUNK_EXT;
      return byte == ';' ? 0 : -1;
    }
    case HTTP1_CHUNK_EXT:
      if (byte == '\r') {
        h->state = HTTP1_CHUNK_LF;
        return 0;
      }
      if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return -1;
      if (++h->extension_bytes <= session->limits.chunk_extension_bytes) return 0;
      session_limit(session, TRANSPORT_LIMIT_CHUNK_EXTENSION);
      return -1;
    case HTTP1_CHUNK_LF:
      h->state = h->left == 0 ? HTTP1_TRAILERS : HTTP1_CHUNK_DATA;
      h->trailer_text.length = 0;
      h->trailer_scanned = 0;
      return byte == '\n' ? 0 : -1;
    case HTTP1_CHUNK_CR: h->state = HTTP1_CHUNK_DATA_LF; return byte == '\r' ? 0 : -1;
    case HTTP1_CHUNK_DATA_LF:
      h->state = HTTP1_CHUNK_SIZE;
      h->left = 0;
      h->size_digits = 0;
      return byte == '\n' ? 0 : -1;
    default: return -1;
  }
}

// Takes what it can of the trailers; returns how much, or -1.
static int64_t trailers(transport_session *session, const uint8_t *bytes, size_t length) {
  http1 *const h = &session->http1;
  size_t taken = 0;
  while (taken < length) {
    uint8_t const byte = bytes[taken++];
    if (buffer_append(&h->trailer_text, &byte, 1) != 0) return -1;
    size_t const n = h->trailer_text.length;
    if (n > session->limits.header_bytes) {
      session_limit(session, TRANSPORT_LIMIT_HEADER_BYTES);
      return -1;
    }
    if (byte != '\n') continue;
    const uint8_t *const text = h->trailer_text.bytes;
    if (n < 2 || text[n - 2] != '\r') return -1;
    if (n != 2 && !(n >= 4 && text[n - 3] == '\n')) continue;
    field_list fields = {0};
    if (http1_trailers_read(text, n, session->limits.header_fields, &fields) != 0) {
      fields_free(&fields);
      return -1;
    }
    request_ended(session, fields_resolve(&fields), fields.count);
    fields_free(&fields);
    buffer_free(&h->trailer_text);
    return (int64_t)taken;
  }
  return (int64_t)taken;
}

// Takes what it can of `bytes`; `*taken` tells how much. Returns 0 or -1.
static int step(transport_session *session, const uint8_t *bytes, size_t length, size_t *taken) {
  http1 *const h = &session->http1;
  *taken = 0;
  switch (h->state) {
    case HTTP1_HEAD: {
      if (h->head_ms == 0) h->head_ms = session->now_ms == 0 ? 1 : session->now_ms;
      // One empty line before a request is stepped over, as RFC 9112, 2.2, advises.
      if (length >= 2 && bytes[0] == '\r' && bytes[1] == '\n' && h->scanned <= 2) {
        *taken = 2;
        h->scanned = 0;
        return 0;
      }
      int64_t const head_length = http1_head_length(bytes, length, &h->scanned);
      if (head_length < 0) return refuse(session, 400, "a line ends without a carriage return");
      if ((head_length > 0 ? (size_t)head_length : length) > session->limits.header_bytes) {
        session_limit(session, TRANSPORT_LIMIT_HEADER_BYTES);
        return refuse(session, 431, "the request's head is too long");
      }
      if (head_length == 0) return 0;
      *taken = (size_t)head_length;
      h->scanned = 0;
      return begin(session, bytes, (size_t)head_length);
    }
    case HTTP1_BODY: {
      size_t const part = h->left < length ? (size_t)h->left : length;
      h->left -= part;
      *taken = part;
      give(session, bytes, part);
      if (h->left > 0) return 0;
      request_ended(session, NULL, 0);
      if (h->stream == NULL) {
        h->state = HTTP1_HEAD;
        h->scanned = 0;
        h->head_ms = 0;
      }
      return 0;
    }
    case HTTP1_CHUNK_DATA: {
      size_t const part = h->left < length ? (size_t)h->left : length;
      h->left -= part;
      *taken = part;
      if (h->left == 0) h->state = HTTP1_CHUNK_CR;
      give(session, bytes, part);
      return 0;
    }
    case HTTP1_CHUNK_SIZE:
    case HTTP1_CHUNK_EXT:
    case HTTP1_CHUNK_LF:
    case HTTP1_CHUNK_CR:
    case HTTP1_CHUNK_DATA_LF:
      *taken = 1;
      return chunk_byte(session, bytes[0]) == 0 ? 0 : broken(session);
    case HTTP1_TRAILERS: {
      int64_t const n = trailers(session, bytes, length);
      if (n < 0) return broken(session);
      *taken = (size_t)n;
      return 0;
    }
    case HTTP1_BUSY: return 0;
    case HTTP1_CLOSED: *taken = length; return 0;
  }
  return -1;
}

// Whether the state takes bytes of the peer at present.
static bool takes(const transport_session *session) {
  return session->http1.state != HTTP1_BUSY;
}

int http1_receive(transport_session *session, const uint8_t *bytes, size_t length) {
  http1 *const h = &session->http1;
  bool const is_kept = h->input.length > 0;
  if (is_kept) {
    if (buffer_append(&h->input, bytes, length) != 0) return -1;
    bytes = h->input.bytes;
    length = h->input.length;
  }
  size_t used = 0;
  int result = 0;
  while (used < length && takes(session)) {
    size_t taken = 0;
    result = step(session, bytes + used, length - used, &taken);
    used += taken;
    if (result != 0 || taken == 0) break;
  }
  if (is_kept) {
    buffer_drop_front(&h->input, used);
  } else if (used < length && result == 0) {
    if (buffer_append(&h->input, bytes + used, length - used) != 0) return -1;
  }
  if (h->input.length == 0 && h->state == HTTP1_HEAD) h->head_ms = 0;
  return result;
}

// `content-type` becomes `Content-Type`, as Go writes it.
static int append_name(http1 *h, transport_text name) {
  if (buffer_append(&h->output, name.bytes, name.length) != 0) return -1;
  uint8_t *const start = h->output.bytes + h->output.length - name.length;
  for (size_t i = 0; i < name.length; i++) {
    bool const begins = i == 0 || start[i - 1] == '-';
    if (begins && start[i] >= 'a' && start[i] <= 'z') start[i] &= (uint8_t)~0x20;
  }
  return 0;
}

// What would end the line becomes a space.
static int append_value(http1 *h, transport_text value) {
  if (buffer_append(&h->output, value.bytes, value.length) != 0) return -1;
  uint8_t *const start = h->output.bytes + h->output.length - value.length;
  for (size_t i = 0; i < value.length; i++) {
    if (start[i] < 0x20 && start[i] != '\t') start[i] = ' ';
  }
  return 0;
}

static int append_fields(http1 *h, const transport_field *fields, size_t count) {
  for (size_t i = 0; i < count; i++) {
    transport_field const field = fields[i];
    if (!is_token(field.name.bytes, field.name.length)) continue;
    // These are ours to say.
    if (text_is(field.name, "transfer-encoding") || text_is(field.name, "connection")) continue;
    if (append_name(h, field.name) != 0 || append(h, ": ") != 0 || append_value(h, field.value) != 0 ||
        append(h, "\r\n") != 0) {
      return -1;
    }
  }
  return 0;
}

static int append_number(http1 *h, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return buffer_append(&h->output, digits + at, sizeof digits - at);
}

static const transport_field *find(const transport_field *fields, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (text_is(fields[i].name, name)) return &fields[i];
  }
  return NULL;
}

int http1_respond(transport_stream *stream, int status, const transport_field *fields, size_t count, int64_t length,
                  bool ends) {
  transport_session *const session = stream->session;
  http1 *const h = &session->http1;
  bool const has_length = find(fields, count, "content-length") != NULL;
  bool const never_has_body = status == 204 || status == 304;
  stream->has_no_body = never_has_body || h->is_head_request;
  if (ends && length < 0) length = 0;
  // An announced body that is not read to its end cannot be told from the next request.
  bool const is_unread = h->state != HTTP1_BUSY && stream->awaits_continue;
  if (is_unread || session->is_shutting_down) h->keeps_alive = false;
  bool const is_streamed = !has_length && length < 0 && !stream->has_no_body;
  stream->is_chunked = is_streamed && !h->is_http10;
  if (is_streamed && h->is_http10) h->keeps_alive = false;

  // One growth for all but long fields.
  if (buffer_reserve(&h->output, 512) != 0) return -1;
  if (append(h, "HTTP/1.1 ") != 0 || append_number(h, (uint64_t)status) != 0 || append(h, " ") != 0 ||
      append(h, phrase(status)) != 0 || append(h, "\r\n") != 0 || append_fields(h, fields, count) != 0) {
    return -1;
  }
  if (find(fields, count, "date") == NULL &&
      (append(h, "Date: ") != 0 || append(h, session_date()) != 0 || append(h, "\r\n") != 0)) {
    return -1;
  }
  if (stream->is_chunked && append(h, "Transfer-Encoding: chunked\r\n") != 0) return -1;
  if (!has_length && length >= 0 && !never_has_body &&
      (append(h, "Content-Length: ") != 0 || append_number(h, (uint64_t)length) != 0 || append(h, "\r\n") != 0)) {
    return -1;
  }
  if (!h->keeps_alive && !h->is_http10) {
    if (append(h, "Connection: close\r\n") != 0) return -1;
  } else if (h->keeps_alive && h->is_http10) {
    if (append(h, "Connection: keep-alive\r\n") != 0) return -1;
  }
  return append(h, "\r\n");
}

void http1_continue(transport_stream *stream) { (void)append(&stream->session->http1, "HTTP/1.1 100 Continue\r\n\r\n"); }

void http1_reset(transport_stream *stream) {
  transport_session *const session = stream->session;
  session->http1.stream = NULL;
  session->http1.state = HTTP1_CLOSED;
  session->is_closing = true;
  session->has_failed = true;
  stream_close(stream, TRANSPORT_CLOSE_LOCAL, 0);
}

// The end of our chunked body, with the trailers.
static int append_end(transport_stream *stream) {
  http1 *const h = &stream->session->http1;
  if (append(h, "0\r\n") != 0) return -1;
  if (append_fields(h, fields_resolve(&stream->trailers), stream->trailers.count) != 0) return -1;
  return append(h, "\r\n");
}

size_t http1_send(transport_session *session, uint8_t *destination, size_t capacity) {
  http1 *const h = &session->http1;
  size_t written = 0;
  // Room for a chunk's size before it and for the CR LF after it.
  enum { FRAME = 24 };
  for (;;) {
    size_t const waiting = h->output.length - h->output_sent;
    if (waiting > 0) {
      size_t const room = capacity - written;
      size_t const length = waiting < room ? waiting : room;
      memcpy(destination + written, h->output.bytes + h->output_sent, length);
      written += length;
      h->output_sent += length;
      if (h->output_sent < h->output.length) return written;
      buffer_drop_front(&h->output, h->output.length);
      h->output_sent = 0;
    }
    transport_stream *const stream = h->stream;
    if (stream == NULL || !stream->has_head) return written;
    if (stream->queued > 0) {
      if (capacity - written <= FRAME) return written;
      size_t const room = capacity - written - FRAME;
      if (stream->is_chunked) {
        size_t const length = stream->queued < room ? stream->queued : room;
        int const n = snprintf((char *)destination + written, FRAME, "%zx\r\n", length);
        written += (size_t)n;
        written += stream_take(stream, destination + written, length);
        destination[written++] = '\r';
        destination[written++] = '\n';
      } else {
        written += stream_take(stream, destination + written, room);
      }
      continue;
    }
    if (!stream->has_ended || stream->has_sent_end) return written;
    stream->has_sent_end = true;
    if (stream->is_chunked && append_end(stream) != 0) {
      session->is_closing = true;
      return written;
    }
    if (h->is_http10 && !h->keeps_alive) session->is_closing = true;
    turn_ended(session);
  }
}

int http1_tick(transport_session *session, bool has_unsent) {
  http1 *const h = &session->http1;
  uint64_t const now = session->now_ms;
  transport_limits const *const limits = &session->limits;
  switch (h->state) {
    case HTTP1_HEAD:
      if (h->head_ms != 0 && now - h->head_ms > limits->head_timeout_ms) {
        session_limit(session, TRANSPORT_LIMIT_HEAD_TIMEOUT);
        return -1;
      }
      if (h->head_ms == 0 && !has_unsent && now - session->input_ms > limits->idle_timeout_ms &&
          now - session->idle_ms > limits->idle_timeout_ms) {
        session_limit(session, TRANSPORT_LIMIT_IDLE_TIMEOUT);
        return -1;
      }
      return 0;
    case HTTP1_BUSY:
    case HTTP1_CLOSED: return 0;
    default: {
      // A handler that does not take what came is not the peer's fault; nor is one that has not asked yet.
      bool const waits_for_us = h->stream != NULL && (h->stream->held > 0 || h->stream->awaits_continue);
      if (waits_for_us || now - session->input_ms <= limits->body_timeout_ms) return 0;
      session_limit(session, TRANSPORT_LIMIT_BODY_TIMEOUT);
      return -1;
    }
  }
}

void http1_free(transport_session *session) {
  buffer_free(&session->http1.input);
  buffer_free(&session->http1.output);
  buffer_free(&session->http1.trailer_text);
}
