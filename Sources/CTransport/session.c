// A session as a whole: which protocol it is, its limits, its time.
#define _GNU_SOURCE
#include "include/transport/session.h"

#include <stdio.h>
#include <time.h>

#include "session_state.h"

transport_limits transport_limits_default(void) {
  return (transport_limits){
      .header_bytes = 128 << 10,
      .header_fields = 256,
      .head_timeout_ms = 10000,
      .handshake_timeout_ms = 10000,
      .idle_timeout_ms = 300000,
      .body_timeout_ms = 60000,
      .write_timeout_ms = 120000,
      .keepalive_ms = 60000,
      .keepalive_timeout_ms = 20000,
      .connection_age_ms = 0,
      .connection_grace_ms = 60000,
      .connections = 16384,
      .streams = 1024,
      .stream_window = 1 << 20,
      .connection_window = 4 << 20,
      .received_bytes = 16 << 20,
      .reset_burst = 2000,
      .reset_rate = 500,
      .control_burst = 10000,
      .control_rate = 2000,
      .peer_reset_burst = 4000,
      .peer_reset_rate = 1000,
      .continuations = 8,
      .settings_entries = 64,
      .unread_answers = 1000,
      .chunk_extension_bytes = 256,
      .dropped_body_bytes = 256 << 10,
  };
}

const char *transport_limit_name(transport_limit limit) {
  static const char *const names[TRANSPORT_LIMIT_COUNT] = {
      [TRANSPORT_LIMIT_HEADER_BYTES] = "header-bytes",
      [TRANSPORT_LIMIT_HEADER_FIELDS] = "header-fields",
      [TRANSPORT_LIMIT_HEAD_TIMEOUT] = "head-timeout",
      [TRANSPORT_LIMIT_HANDSHAKE_TIMEOUT] = "handshake-timeout",
      [TRANSPORT_LIMIT_IDLE_TIMEOUT] = "idle-timeout",
      [TRANSPORT_LIMIT_BODY_TIMEOUT] = "body-timeout",
      [TRANSPORT_LIMIT_WRITE_TIMEOUT] = "write-timeout",
      [TRANSPORT_LIMIT_KEEPALIVE_TIMEOUT] = "keepalive-timeout",
      [TRANSPORT_LIMIT_CONNECTION_AGE] = "connection-age",
      [TRANSPORT_LIMIT_CONNECTIONS] = "connections",
      [TRANSPORT_LIMIT_RESETS] = "resets",
      [TRANSPORT_LIMIT_CONTROL_FRAMES] = "control-frames",
      [TRANSPORT_LIMIT_STREAMS] = "streams",
      [TRANSPORT_LIMIT_RECEIVED_BYTES] = "received-bytes",
      [TRANSPORT_LIMIT_CONTINUATIONS] = "continuation-frames",
      [TRANSPORT_LIMIT_SETTINGS_ENTRIES] = "settings-entries",
      [TRANSPORT_LIMIT_UNREAD_ANSWERS] = "unread-answers",
      [TRANSPORT_LIMIT_CHUNK_EXTENSION] = "chunk-extension",
      [TRANSPORT_LIMIT_DROPPED_BODY] = "dropped-body",
      [TRANSPORT_LIMIT_PEER_RESETS] = "peer-resets",
      [TRANSPORT_LIMIT_LATE_DATA] = "late-data",
  };
  return (unsigned)limit < TRANSPORT_LIMIT_COUNT ? names[limit] : NULL;
}

void session_limit(transport_session *session, transport_limit limit) {
  if (session->handlers.on_limit != NULL) session->handlers.on_limit(session->context, session->owner, (int)limit);
}

bool bucket_take(token_bucket *bucket, uint32_t burst, uint32_t rate, uint64_t now_ms) {
  uint64_t const passed = now_ms - bucket->filled_ms;
  uint64_t const gained = (passed > 3600000 ? 3600000 : passed) * rate / 1000;
  if (gained > 0) {
    bucket->filled_ms = now_ms;
    uint64_t const tokens = bucket->tokens + gained;
    bucket->tokens = tokens > burst ? burst : (uint32_t)tokens;
  }
  if (bucket->tokens == 0) return false;
  bucket->tokens -= 1;
  return true;
}

bool text_equals(transport_text text, const char *lower, size_t length) {
  if (text.length != length) return false;
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = text.bytes[i];
    if (byte >= 'A' && byte <= 'Z') byte |= 0x20;
    if (byte != (uint8_t)lower[i]) return false;
  }
  return true;
}

// For the tchars of RFC 9110, 5.6.2, themselves in lower case; for all other bytes 0.
#define LETTER(upper, lower) [upper] = lower, [lower] = lower
static const uint8_t token_bytes[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*', ['+'] = '+',
    ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`', ['|'] = '|', ['~'] = '~', ['0'] = '0',
    ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8',
    ['9'] = '9', LETTER('A', 'a'), LETTER('B', 'b'), LETTER('C', 'c'), LETTER('D', 'd'), LETTER('E', 'e'),
    LETTER('F', 'f'), LETTER('G', 'g'), LETTER('H', 'h'), LETTER('I', 'i'), LETTER('J', 'j'), LETTER('K', 'k'),
    LETTER('L', 'l'), LETTER('M', 'm'), LETTER('N', 'n'), LETTER('O', 'o'), LETTER('P', 'p'), LETTER('Q', 'q'),
    LETTER('R', 'r'), LETTER('S', 's'), LETTER('T', 't'), LETTER('U', 'u'), LETTER('V', 'v'), LETTER('W', 'w'),
    LETTER('X', 'x'), LETTER('Y', 'y'), LETTER('Z', 'z'),
};
#undef LETTER

bool is_token(const uint8_t *bytes, size_t length) {
  if (length == 0) return false;
  for (size_t i = 0; i < length; i++) {
    if (token_bytes[bytes[i]] == 0) return false;
  }
  return true;
}

void lower_name(uint8_t *destination, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) destination[i] = token_bytes[bytes[i]];
}

// IMF-fixdate of RFC 9110, 5.6.7, made once a second and thread.
const char *session_date(void) {
  static _Thread_local time_t made;
  static _Thread_local char text[64];
  time_t const now = time(NULL);
  if (now != made || text[0] == 0) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = {0};
    gmtime_r(&now, &tm);
    snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    made = now;
  }
  return text;
}

transport_session *transport_session_new(bool is_client, bool is_secure, const transport_limits *limits,
                                         const transport_handlers *handlers, void *context, uint64_t now_ms) {
  transport_session *const session = calloc(1, sizeof *session);
  if (session == NULL) return NULL;
  session->is_client = is_client;
  session->is_secure = is_secure;
  session->limits = *limits;
  if (session->limits.header_bytes < 1024) session->limits.header_bytes = 1024;
  session->handlers = *handlers;
  session->context = context;
  session->now_ms = session->created_ms = session->input_ms = session->sent_ms = session->idle_ms = now_ms;
  session->swept_ms = now_ms;
  session->resets = (token_bucket){now_ms, limits->reset_burst};
  session->controls = (token_bucket){now_ms, limits->control_burst};
  session->http1.keeps_alive = true;
  if (is_client && transport_session_start(session, TRANSPORT_PROTOCOL_HTTP2) != 0) {
    transport_session_free(session, TRANSPORT_CLOSE_LOCAL);
    return NULL;
  }
  return session;
}

void transport_session_free(transport_session *session, transport_close reason) {
  if (session == NULL) return;
  while (session->streams != NULL) stream_close(session->streams, reason, 0);
  streams_free_spare(session, 0);
  // nghttp2 does not close its streams by itself when it goes.
  if (session->http2 != NULL) nghttp2_session_del(session->http2);
  fields_free(&session->heading);
  http1_free(session);
  free(session);
}

void transport_session_set_context(transport_session *session, void *context) { session->context = context; }

void transport_session_set_owner(transport_session *session, void *owner) { session->owner = owner; }

void *transport_stream_owner(const transport_stream *stream) { return stream->session->owner; }

int transport_session_start(transport_session *session, transport_protocol protocol) {
  session->protocol = protocol;
  return protocol == TRANSPORT_PROTOCOL_HTTP2 ? http2_start(session) : 0;
}

transport_protocol transport_session_protocol(const transport_session *session) { return session->protocol; }

static int receive(transport_session *session, const uint8_t *bytes, size_t length) {
  if (length == 0 && session->protocol != TRANSPORT_PROTOCOL_HTTP1) return 0;
  return session->protocol == TRANSPORT_PROTOCOL_HTTP2 ? http2_receive(session, bytes, length)
                                                       : http1_receive(session, bytes, length);
}

// HTTP/2 begins with "PRI ", which no request of HTTP/1.1 does.
static int sniff(transport_session *session, const uint8_t *bytes, size_t length) {
  static const uint8_t preface[4] = {'P', 'R', 'I', ' '};
  while (session->sniffed_length < sizeof preface && length > 0) {
    uint8_t const byte = *bytes;
    if (byte != preface[session->sniffed_length]) {
      if (transport_session_start(session, TRANSPORT_PROTOCOL_HTTP1) != 0) return -1;
      int const result = receive(session, session->sniffed, session->sniffed_length);
      return result != 0 ? result : receive(session, bytes, length);
    }
    session->sniffed[session->sniffed_length++] = byte;
    bytes += 1;
    length -= 1;
  }
  if (session->sniffed_length < sizeof preface) return 0;
  if (transport_session_start(session, TRANSPORT_PROTOCOL_HTTP2) != 0) return -1;
  int const result = receive(session, session->sniffed, session->sniffed_length);
  return result != 0 ? result : receive(session, bytes, length);
}

int transport_session_receive(transport_session *session, const uint8_t *bytes, size_t length, uint64_t now_ms) {
  session->now_ms = now_ms;
  if (session->has_failed) return -1;
  if (length > 0) session->input_ms = now_ms;
  int const result = session->protocol == TRANSPORT_PROTOCOL_UNKNOWN ? sniff(session, bytes, length)
                                                                     : receive(session, bytes, length);
  while (session->wake != NULL) {
    transport_stream *const stream = session->wake;
    session->wake = stream->wake_next;
    stream->is_woken = false;
    http2_announce(stream);
    if (stream->is_announced) session->handlers.on_wake(session->context, stream, stream->user);
  }
  if (result != 0) {
    session->has_failed = true;
    session->is_closing = true;
  }
  return result;
}

bool transport_session_end_of_input(transport_session *session) {
  session->has_failed = true;
  session->is_closing = true;
  return false;
}

size_t transport_session_send(transport_session *session, uint8_t *destination, size_t capacity) {
  switch (session->protocol) {
    case TRANSPORT_PROTOCOL_HTTP1: return http1_send(session, destination, capacity);
    case TRANSPORT_PROTOCOL_HTTP2: return http2_send(session, destination, capacity);
    case TRANSPORT_PROTOCOL_UNKNOWN: return 0;
  }
  return 0;
}

void transport_session_sent(transport_session *session, uint64_t now_ms) { session->sent_ms = now_ms; }

bool transport_session_has_input(const transport_session *session) {
  return session->protocol == TRANSPORT_PROTOCOL_HTTP1 && session->http1.input.length > 0 &&
         session->http1.state != HTTP1_BUSY && session->http1.state != HTTP1_CLOSED && !session->has_failed &&
         transport_session_wants_input(session) && session->http1.scanned < session->http1.input.length;
}

bool transport_session_wants_input(const transport_session *session) {
  if (session->has_failed) return false;
  if (session->protocol != TRANSPORT_PROTOCOL_HTTP1) return true;
  // The next request is read ahead a little, so that a client that leaves is noticed.
  if (session->http1.state == HTTP1_BUSY) return session->http1.input.length < 16384;
  return session->held < session->limits.stream_window;
}

bool transport_session_wants_close(const transport_session *session) {
  if (session->is_closing) return true;
  if (session->protocol == TRANSPORT_PROTOCOL_HTTP2) {
    return !nghttp2_session_want_read(session->http2) && !nghttp2_session_want_write(session->http2) &&
           session->unsent_length == 0;
  }
  return session->is_shutting_down && session->stream_count == 0 && session->http1.output.length == 0;
}

int transport_session_tick(transport_session *session, uint64_t now_ms, bool has_unsent) {
  session->now_ms = now_ms;
  transport_limits const *const limits = &session->limits;
  if (session->stream_count == 0 && now_ms - session->idle_ms > SPARE_IDLE_MS) streams_free_spare(session, SPARE_STREAMS_IDLE);
  if (has_unsent && now_ms - session->sent_ms > limits->write_timeout_ms) {
    session_limit(session, TRANSPORT_LIMIT_WRITE_TIMEOUT);
    return -1;
  }
  if (limits->connection_age_ms > 0) {
    if (!session->is_aged && now_ms - session->created_ms > limits->connection_age_ms) {
      session->is_aged = true;
      session->aged_ms = now_ms;
      session_limit(session, TRANSPORT_LIMIT_CONNECTION_AGE);
      transport_session_shutdown(session);
    } else if (session->is_aged && limits->connection_grace_ms > 0 &&
               now_ms - session->aged_ms > limits->connection_grace_ms) {
      return -1;
    }
  }
  if (session->protocol == TRANSPORT_PROTOCOL_UNKNOWN) {
    if (now_ms - session->created_ms <= limits->head_timeout_ms) return 0;
    session_limit(session, TRANSPORT_LIMIT_HEAD_TIMEOUT);
    return -1;
  }
  return session->protocol == TRANSPORT_PROTOCOL_HTTP2 ? http2_tick(session, has_unsent)
                                                       : http1_tick(session, has_unsent);
}

void transport_session_shutdown(transport_session *session) {
  if (session->is_shutting_down) return;
  session->is_shutting_down = true;
  if (session->protocol == TRANSPORT_PROTOCOL_HTTP2) {
    http2_shutdown(session);
  } else {
    session->http1.keeps_alive = false;
  }
}

void transport_session_cut_streams(transport_session *session, transport_close reason) {
  while (session->streams != NULL) {
    transport_stream *const stream = session->streams;
    if (session->http2 != NULL) (void)nghttp2_session_set_stream_user_data(session->http2, stream->id, NULL);
    if (session->http1.stream == stream) session->http1.stream = NULL;
    stream_close(stream, reason, 0);
  }
}

uint64_t transport_session_events(const transport_session *session) { return session->events; }

size_t transport_session_stream_count(const transport_session *session) { return session->stream_count; }
