// A session that is fed by a fuzzer: the input says what comes in which pieces, when time passes, and what handlers do.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/session.h"

enum { STREAMS_MAX = 64 };

typedef struct harness {
  transport_session *session;
  transport_stream *streams[STREAMS_MAX];
  size_t announced, closed;
  uint64_t now;
  uint8_t whim;  // decides what handlers do
} harness;

static void check(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "session: %s\n", what);
  abort();
}

static void release(void *owner) { free(owner); }

static void touch(transport_text text) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < text.length; i++) sum ^= text.bytes[i];
}

static void touch_fields(const transport_field *fields, size_t count) {
  for (size_t i = 0; i < count; i++) {
    touch(fields[i].name);
    touch(fields[i].value);
  }
}

static void write_some(transport_stream *stream, size_t length) {
  uint8_t *const bytes = malloc(length == 0 ? 1 : length);
  if (bytes == NULL) return;
  memset(bytes, 'x', length);
  (void)transport_stream_write(stream, bytes, length, release, bytes);
}

static void on_head(void *context, transport_stream *stream, void *user, const transport_head *head) {
  harness *const h = context;
  (void)user;
  touch(head->method);
  touch(head->target);
  touch(head->scheme);
  touch(head->authority);
  touch_fields(head->fields, head->field_count);
  if (user != NULL) return;
  h->announced += 1;
  transport_stream_set_user(stream, h);
  for (size_t i = 0; i < STREAMS_MAX; i++) {
    if (h->streams[i] != NULL) continue;
    h->streams[i] = stream;
    break;
  }
  transport_field const echo = {{(const uint8_t *)"x-echo", 6}, head->field_count > 0 ? head->fields[0].value : head->method};
  switch (h->whim & 3) {
    case 0:
      (void)transport_stream_respond(stream, 200, &echo, 1, 3, false);
      write_some(stream, 3);
      (void)transport_stream_end(stream, NULL, 0);
      break;
    case 1:
      (void)transport_stream_respond(stream, 200, head->fields, head->field_count, -1, false);
      write_some(stream, 100000);
      break;
    case 2: (void)transport_stream_respond(stream, 404, NULL, 0, 0, true); break;
    default: break;
  }
}

// Every other whole message is dealt with at once.
static bool on_whole(void *context, transport_stream *stream, void *user, const transport_head *head, const uint8_t *body,
                     size_t length, const transport_field *trailers, size_t count) {
  harness *const h = context;
  (void)user;
  touch(head->target);
  touch_fields(head->fields, head->field_count);
  touch((transport_text){body, length});
  touch_fields(trailers, count);
  if ((h->whim & 8) == 0) return false;
  static transport_prepared *answer, *last;
  transport_head prepared = {.status = 200};
  if (answer == NULL) answer = transport_prepared_new(&prepared);
  prepared.status = 0;
  transport_field const field = {{(const uint8_t *)"x-end", 5}, {(const uint8_t *)"1", 1}};
  prepared.fields = &field;
  prepared.field_count = 1;
  if (last == NULL) last = transport_prepared_new(&prepared);
  if (user == NULL) (void)transport_stream_answer(stream, answer, head->method, (transport_text){body, length}, last);
  return true;
}

static void on_body(void *context, transport_stream *stream, void *user, const uint8_t *bytes, size_t length) {
  harness *const h = context;
  (void)user;
  touch((transport_text){bytes, length});
  if ((h->whim & 4) == 0) transport_stream_consume(stream, length);
}

static void on_end(void *context, transport_stream *stream, void *user, const transport_field *trailers, size_t count) {
  (void)context;
  (void)stream;
  (void)user;
  touch_fields(trailers, count);
}

static void on_wake(void *context, transport_stream *stream, void *user) {
  (void)context;
  (void)stream;
  check(user != NULL, "woken without having been announced");
}

static void on_close(void *context, transport_stream *stream, void *user, transport_close reason, uint32_t code) {
  harness *const h = context;
  (void)user;
  (void)reason;
  (void)code;
  h->closed += 1;
  for (size_t i = 0; i < STREAMS_MAX; i++) {
    if (h->streams[i] == stream) h->streams[i] = NULL;
  }
}

static void drain(harness *h, size_t most) {
  static uint8_t room[1 << 16];
  size_t total = 0;
  while (total < most) {
    size_t const length = transport_session_send(h->session, room, sizeof room);
    check(length <= sizeof room, "more than there is room for");
    if (length == 0) {
      if (!transport_session_has_input(h->session)) return;
      (void)transport_session_receive(h->session, NULL, 0, h->now);
    }
    total += length;
  }
}

// Something that a handler could do at any time.
static void meddle(harness *h, uint8_t what) {
  transport_stream *const stream = h->streams[what >> 3 & 7];
  if (stream == NULL) return;
  transport_field const trailer = {{(const uint8_t *)"x-t", 3}, {(const uint8_t *)"1\n2", 3}};
  switch (what & 7) {
    case 0: transport_stream_reset(stream, 8); break;
    case 1: write_some(stream, 70000); break;
    case 2: (void)transport_stream_end(stream, &trailer, 1); break;
    case 3: (void)transport_stream_respond(stream, 200, &trailer, 1, -1, false); break;
    case 4: transport_stream_continue(stream); break;
    case 5: transport_stream_consume(stream, 50000); break;
    case 6: transport_session_shutdown(h->session); break;
    default: (void)transport_stream_end(stream, NULL, 0); break;
  }
}

// The input: pieces of a length byte and so many bytes; a length of 250 and above is an event instead.
static void drive(bool is_client, const uint8_t *prelude, size_t prelude_length, const uint8_t *data, size_t size) {
  if (size < 2) return;
  transport_limits limits = transport_limits_default();
  limits.header_bytes = 4096;
  limits.stream_window = 65535;
  limits.connection_window = 131072;
  limits.streams = 16;
  limits.reset_burst = limits.control_burst = 200;
  transport_handlers const handlers = {on_head, on_body, on_end, on_wake, on_close, on_whole, NULL, NULL, NULL};
  harness h = {.now = 1000, .whim = data[0]};
  h.session = transport_session_new(is_client, (data[1] & 1) != 0, &limits, &handlers, &h, h.now);
  if (h.session == NULL) return;
  if (is_client) {
    transport_head const head = {.method = {(const uint8_t *)"POST", 4},
                                 .scheme = {(const uint8_t *)"http", 4},
                                 .authority = {(const uint8_t *)"h", 1},
                                 .target = {(const uint8_t *)"/", 1}};
    for (int i = 0; i < 4; i++) {
      transport_stream *const stream = transport_session_request(h.session, &head, (i & 1) != 0, &h);
      if (stream == NULL) continue;
      h.announced += 1;
      h.streams[i] = stream;
      write_some(stream, 1000);
    }
    drain(&h, SIZE_MAX);
  }
  (void)transport_session_receive(h.session, prelude, prelude_length, h.now);
  size_t at = 2;
  while (at < size) {
    uint8_t const length = data[at++];
    if (length >= 250) {
      h.now += (uint64_t)(length - 249) * 700;
      if (transport_session_tick(h.session, h.now, false) != 0) break;
      if (at < size) meddle(&h, data[at++]);
      if (length == 255) drain(&h, 1 << 20);
      continue;
    }
    size_t const part = length < size - at ? length : size - at;
    // A copy of its own, so that reading beyond it shows.
    uint8_t *const piece = malloc(part == 0 ? 1 : part);
    if (piece == NULL) break;
    memcpy(piece, data + at, part);
    int const result = transport_session_receive(h.session, piece, part, h.now);
    free(piece);
    at += part;
    if (result != 0) break;
  }
  drain(&h, 4 << 20);
  (void)transport_session_wants_close(h.session);
  (void)transport_session_wants_input(h.session);
  transport_session_free(h.session, TRANSPORT_CLOSE_LOST);
  check(h.announced == h.closed, "a stream was announced and not closed");
}
