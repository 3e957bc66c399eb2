// HTTP/2, both sides, over nghttp2. Data goes out by a callback that copies from the stream's queue; credit comes back to the
// peer when the reader has taken what it sent (the connection's at once, up to `received_bytes`), so that a reader that stalls
// stops its sender at one window while the other streams of the connection go on.
#include "session_state.h"

// A request body that its handler did not want is dropped for so long before the client is told to stop: some take the telling for a
// failure and forget the answer.
enum { FRAME_HEADER_BYTES = 9, FRAME_BYTES = 16384, SWALLOW_MS = 5000, RESETS_TOLERATED = 100 };

static transport_stream *stream_of(transport_session *session, int32_t id) {
  return nghttp2_session_get_stream_user_data(session->http2, id);
}

// A peer that goes too far: the connection ends with GOAWAY ENHANCE_YOUR_CALM.
static int too_much(transport_session *session, transport_limit limit) {
  session_limit(session, limit);
  (void)nghttp2_session_terminate_session(session->http2, NGHTTP2_ENHANCE_YOUR_CALM);
  return 0;
}

// A stream ends before the peer has said all it was allowed to say: so much of it may still be on its way.
static void allow_late(transport_session *session) { session->late_allowed += session->limits.stream_window; }

// MARK: What the peer sends

static int on_begin_headers(nghttp2_session *http2, const nghttp2_frame *frame, void *user) {
  transport_session *const session = user;
  fields_clear(&session->heading);
  session->heading_bytes = 0;
  session->heading_is_too_long = false;
  session->heading_ms = session->now_ms == 0 ? 1 : session->now_ms;
  if (session->is_client || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  transport_stream *const stream = stream_new(session);
  if (stream == NULL) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  stream->id = frame->hd.stream_id;
  return nghttp2_session_set_stream_user_data(http2, frame->hd.stream_id, stream) == 0 ? 0
                                                                                       : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *user) {
  (void)http2;
  (void)frame;
  (void)flags;
  transport_session *const session = user;
  session->heading_bytes += name_length + value_length + 32;
  bool const is_too_long = session->heading_bytes > session->limits.header_bytes;
  if (is_too_long || session->heading.count >= session->limits.header_fields) {
    if (!session->heading_is_too_long) {
      session_limit(session, is_too_long ? TRANSPORT_LIMIT_HEADER_BYTES : TRANSPORT_LIMIT_HEADER_FIELDS);
    }
    session->heading_is_too_long = true;
    // A list that small frames unpack into without end costs time: the connection goes.
    if (session->heading_bytes / 16 > session->limits.header_bytes) return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
  }
  return fields_add(&session->heading, (transport_text){name, name_length}, (transport_text){value, value_length}) == 0
             ? 0
             : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// Sorts the received block: pseudo fields come first, nghttp2 has checked them.
static transport_head head_of(transport_session *session) {
  transport_head head = {.version = 20};
  const transport_field *const fields = fields_resolve(&session->heading);
  size_t first = 0;
  size_t const count = session->heading.count;
  while (first < count && fields[first].name.length > 0 && fields[first].name.bytes[0] == ':') {
    transport_text const name = fields[first].name;
    transport_text const value = fields[first].value;
    // nghttp2 lets no others through, but for :protocol where it was asked to: a letter and the length tell them apart.
    if (name.length == 5 && name.bytes[1] == 'p') {
      head.target = value;
    } else if (name.length == 7 && name.bytes[1] == 'm') {
      head.method = value;
    } else if (name.length == 7 && name.bytes[2] == 'c') {
      head.scheme = value;
    } else if (name.length == 10 && name.bytes[1] == 'a') {
      head.authority = value;
    } else if (name.length == 7 && value.length == 3) {
      for (size_t i = 0; i < 3; i++) head.status = head.status * 10 + (value.bytes[i] - '0');
    }
    first += 1;
  }
  head.fields = count > first ? fields + first : NULL;
  head.field_count = count - first;
  for (size_t i = 0; head.authority.length == 0 && i < head.field_count; i++) {
    if (text_is(head.fields[i].name, "host")) head.authority = head.fields[i].value;
  }
  return head;
}

// An answer of ours to a request that no handler sees.
static void refuse(transport_session *session, transport_stream *stream, const char *status) {
  nghttp2_nv const field = {(uint8_t *)(uintptr_t)":status", (uint8_t *)(uintptr_t)status, 7, 3, NGHTTP2_NV_FLAG_NONE};
  (void)nghttp2_submit_response(session->http2, stream->id, &field, 1, NULL);
}

static void pay_owed(transport_session *session) {
  if (session->owed == 0 || session->held > session->limits.received_bytes / 2) return;
  (void)nghttp2_session_consume_connection(session->http2, session->owed);
  session->owed = 0;
}

// Keeps the head of a message whose body may follow in the same batch of input.
static void hold_back(transport_session *session, transport_stream *stream, const transport_head *head) {
  field_list const list = stream->heading;
  stream->heading = session->heading;
  session->heading = list;
  fields_clear(&session->heading);
  stream->head = *head;
  stream->is_held_back = true;
  stream_wake(stream);
}

// It is told of in parts after all.
void http2_announce(transport_stream *stream) {
  transport_session *const session = stream->session;
  if (!stream->is_held_back) return;
  stream->is_held_back = false;
  stream->is_announced = true;
  session->handlers.on_head(session->context, stream, stream->user, &stream->head);
  if (stream->held_body != NULL) {
    session->handlers.on_body(session->context, stream, stream->user, stream->held_body, stream->held);
  }
  stream->held_body = NULL;
}

// A message that was held back is whole now. Returns whether its handler took it as such.
static bool hand_whole(transport_session *session, transport_stream *stream, const transport_field *trailers, size_t count) {
  bool const is_taken = session->handlers.on_whole(session->context, stream, stream->user, &stream->head, stream->held_body,
                                                   stream->held, trailers, count);
  if (!is_taken) return false;
  stream->is_held_back = false;
  stream->has_remote_ended = true;
  stream->held_body = NULL;
  session->held -= stream->held;
  stream->held = 0;
  pay_owed(session);
  return true;
}

static void remote_ended(transport_session *session, transport_stream *stream, bool has_trailers) {
  if (stream->has_remote_ended) return;
  if (stream->is_held_back) {
    const transport_field *const trailers = has_trailers ? fields_resolve(&session->heading) : NULL;
    if (hand_whole(session, stream, trailers, has_trailers ? session->heading.count : 0)) return;
    http2_announce(stream);
  }
  stream->has_remote_ended = true;
  stream->awaits_continue = false;
  const transport_field *const fields = has_trailers ? fields_resolve(&session->heading) : NULL;
  session->handlers.on_end(session->context, stream, stream->user, fields, has_trailers ? session->heading.count : 0);
  stream_wake(stream);
}

// Ends a stream from our side. nghttp2 tells its close once the frame is sent.
static void cut(transport_stream *stream, transport_close reason, uint32_t code) {
  if (stream->is_cut) return;
  stream->is_cut = true;
  stream->cut_reason = reason;
  stream->has_ended = true;
  if (!stream->has_remote_ended) allow_late(stream->session);
  (void)nghttp2_submit_rst_stream(stream->session->http2, NGHTTP2_FLAG_NONE, stream->id, code);
}

static void on_request_head(transport_session *session, transport_stream *stream, bool ends) {
  transport_head head = head_of(session);
  if (head.target.length == 0) {
    refuse(session, stream, "400");
    return;
  }
  for (size_t i = 0; i < head.field_count; i++) {
    if (text_is(head.fields[i].name, "expect") && text_is(head.fields[i].value, "100-continue")) {
      stream->awaits_continue = !ends;
    }
  }
  // The scheme is what the connection is, whatever the peer says.
  head.scheme = session->is_secure ? (transport_text){(const uint8_t *)"https", 5}
                                   : (transport_text){(const uint8_t *)"http", 4};
  stream->has_no_body = head.method.length == 4 && memcmp(head.method.bytes, "HEAD", 4) == 0;
  stream->has_remote_head = true;
  if (!ends && !stream->awaits_continue && session->handlers.on_whole != NULL) {
    hold_back(session, stream, &head);
    return;
  }
  stream->is_announced = true;
  stream_wake(stream);
  session->handlers.on_head(session->context, stream, stream->user, &head);
  if (ends) remote_ended(session, stream, false);
}

static void on_answer_head(transport_session *session, transport_stream *stream, bool ends) {
  transport_head const head = head_of(session);
  // Informational answers come before the one that counts.
  if (head.status < 200) return;
  stream->has_remote_head = true;
  if (!ends && session->handlers.on_whole != NULL) {
    hold_back(session, stream, &head);
    return;
  }
  session->handlers.on_head(session->context, stream, stream->user, &head);
  stream_wake(stream);
  if (ends) remote_ended(session, stream, false);
}

static void on_heading(transport_session *session, const nghttp2_frame *frame) {
  session->heading_ms = 0;
  transport_stream *const stream = stream_of(session, frame->hd.stream_id);
  if (stream == NULL || stream->is_cut) return;
  bool const ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (session->heading_is_too_long) {
    http2_announce(stream);
    if (stream->is_announced) {
      cut(stream, TRANSPORT_CLOSE_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM);
    } else {
      refuse(session, stream, "431");
    }
  } else if (stream->has_remote_head) {
    if (ends) remote_ended(session, stream, true);
  } else if (session->is_client) {
    on_answer_head(session, stream, ends);
  } else {
    on_request_head(session, stream, ends);
  }
}

// Requests that wait for their turn will never have it.
static void on_goaway(transport_session *session, int32_t last) {
  for (transport_stream *stream = session->streams, *next; stream != NULL; stream = next) {
    next = stream->next;
    if (stream->id <= last || nghttp2_session_find_stream(session->http2, stream->id) != NULL) continue;
    stream_close(stream, TRANSPORT_CLOSE_REFUSED, NGHTTP2_REFUSED_STREAM);
  }
}

// A client resets a stream. Where its address gives up too much, who did so now and then is not held to account for the others.
static int on_reset(transport_session *session) {
  transport_limits const *const limits = &session->limits;
  session->reset_count += 1;
  if (!bucket_take(&session->resets, limits->reset_burst, limits->reset_rate, session->now_ms)) {
    return too_much(session, TRANSPORT_LIMIT_RESETS);
  }
  bool const may = session->handlers.on_given_up == NULL || session->handlers.on_given_up(session->context, session->owner, 1);
  return may || session->reset_count <= RESETS_TOLERATED ? 0 : too_much(session, TRANSPORT_LIMIT_PEER_RESETS);
}

static int on_frame(nghttp2_session *http2, const nghttp2_frame *frame, void *user) {
  transport_session *const session = user;
  transport_limits const *const limits = &session->limits;
  (void)http2;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS: on_heading(session, frame); return 0;
    case NGHTTP2_DATA: {
      transport_stream *const stream = stream_of(session, frame->hd.stream_id);
      bool const ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      if (frame->hd.length == 0 && !ends &&
          !bucket_take(&session->controls, limits->control_burst, limits->control_rate, session->now_ms)) {
        return too_much(session, TRANSPORT_LIMIT_CONTROL_FRAMES);
      }
      bool const is_told_of = stream != NULL && (stream->is_announced || stream->is_held_back) && !stream->is_cut;
      if (is_told_of && ends) remote_ended(session, stream, false);
      return 0;
    }
    case NGHTTP2_RST_STREAM:
      return session->is_client ? 0 : on_reset(session);
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        session->ping_ms = 0;
        return 0;
      }
      break;
    case NGHTTP2_WINDOW_UPDATE: return 0;
    case NGHTTP2_GOAWAY:
      if (session->is_client) on_goaway(session, frame->goaway.last_stream_id);
      return 0;
    default: break;
  }
  if (!bucket_take(&session->controls, limits->control_burst, limits->control_rate, session->now_ms)) {
    return too_much(session, TRANSPORT_LIMIT_CONTROL_FRAMES);
  }
  return 0;
}

static int on_data(nghttp2_session *http2, uint8_t flags, int32_t id, const uint8_t *bytes, size_t length, void *user) {
  transport_session *const session = user;
  (void)flags;
  transport_stream *const stream = stream_of(session, id);
  bool const is_first = stream != NULL && stream->is_held_back && stream->held_body == NULL;
  if (stream != NULL && !is_first) http2_announce(stream);
  if (stream == NULL || (!is_first && !stream->is_announced) || stream->is_cut) {
    // Dropped. The stream gets no more credit: what comes for it is bounded.
    return nghttp2_session_consume_connection(http2, length) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (stream->has_sent_end && !session->is_client) {
    stream->swallowed += length;
    if (stream->swallowed > session->limits.dropped_body_bytes) {
      session_limit(session, TRANSPORT_LIMIT_DROPPED_BODY);
      cut(stream, TRANSPORT_CLOSE_DONE, NGHTTP2_NO_ERROR);
    }
    return nghttp2_session_consume(http2, id, length) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (is_first) {
    // The bytes stay where they are until the batch is done with.
    stream->held_body = bytes;
    stream->held += length;
    session->held += length;
  } else {
    stream_give_body(stream, bytes, length);
  }
  // The connection's credit comes back at once, unless its handlers leave too much lying.
  if (session->held > session->limits.received_bytes) {
    if (session->owed == 0) session_limit(session, TRANSPORT_LIMIT_RECEIVED_BYTES);
    session->owed += length;
    return 0;
  }
  return nghttp2_session_consume_connection(http2, length) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static transport_close reason_of(const transport_stream *stream, uint32_t code) {
  if (stream->is_cut) return stream->cut_reason;
  if (code == NGHTTP2_REFUSED_STREAM) return TRANSPORT_CLOSE_REFUSED;
  if (code == NGHTTP2_NO_ERROR && stream->has_remote_ended) return TRANSPORT_CLOSE_DONE;
  if (code == NGHTTP2_PROTOCOL_ERROR) return TRANSPORT_CLOSE_MALFORMED;
  if (code == NGHTTP2_ENHANCE_YOUR_CALM) return TRANSPORT_CLOSE_LIMIT;
  return TRANSPORT_CLOSE_RESET;
}

static int on_stream_close(nghttp2_session *http2, int32_t id, uint32_t code, void *user) {
  transport_session *const session = user;
  transport_stream *const stream = stream_of(session, id);
  if (stream == NULL) return 0;
  (void)nghttp2_session_set_stream_user_data(http2, id, NULL);
  if (!stream->has_remote_ended && !stream->is_cut) allow_late(session);
  // A client's caller learns what came of the answer; a request that is gone again before it was looked at is nobody's.
  if (session->is_client) http2_announce(stream);
  stream_close(stream, reason_of(stream, code), code);
  pay_owed(session);
  return 0;
}

// A request that never went out: the peer said GOAWAY before, or its caller gave up.
static int on_frame_not_sent(nghttp2_session *http2, const nghttp2_frame *frame, int code, void *user) {
  transport_session *const session = user;
  (void)code;
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  for (transport_stream *stream = session->streams; stream != NULL; stream = stream->next) {
    if (stream->id != frame->hd.stream_id) continue;
    (void)nghttp2_session_set_stream_user_data(http2, stream->id, NULL);
    stream_close(stream, stream->is_cut ? stream->cut_reason : TRANSPORT_CLOSE_REFUSED, NGHTTP2_REFUSED_STREAM);
    return 0;
  }
  return 0;
}

// A server that is done takes what the client still sends, and drops it.
static int on_frame_sent(nghttp2_session *http2, const nghttp2_frame *frame, void *user) {
  transport_session *const session = user;
  if (session->is_client || (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)) return 0;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  transport_stream *const stream = stream_of(session, frame->hd.stream_id);
  if (stream == NULL || stream->has_remote_ended) return 0;
  (void)http2;
  stream->has_sent_end = true;
  stream->sent_ms = session->now_ms;
  transport_stream_consume(stream, stream->held);
  return 0;
}

// A frame that nghttp2 refuses counts like one without payload: it costs as much.
static int on_invalid_frame(nghttp2_session *http2, const nghttp2_frame *frame, int code, void *user) {
  transport_session *const session = user;
  (void)http2;
  // A client that knows the limit and goes beyond it is cut off; one that cannot know yet is refused the stream.
  if (!session->is_client && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST &&
      (code == NGHTTP2_ERR_REFUSED_STREAM || (code == NGHTTP2_ERR_PROTO && session->stream_count >= session->limits.streams))) {
    session_limit(session, TRANSPORT_LIMIT_STREAMS);
    allow_late(session);
  }
  if (bucket_take(&session->controls, session->limits.control_burst, session->limits.control_rate, session->now_ms)) return 0;
  return too_much(session, TRANSPORT_LIMIT_CONTROL_FRAMES);
}

static int on_begin_frame(nghttp2_session *http2, const nghttp2_frame_hd *header, void *user) {
  transport_session *const session = user;
  (void)http2;
  // Of six bytes each.
  if (header->type == NGHTTP2_SETTINGS && header->length / 6 > session->limits.settings_entries) {
    return too_much(session, TRANSPORT_LIMIT_SETTINGS_ENTRIES);
  }
  session->seen_bytes += FRAME_HEADER_BYTES + header->length;
  if (header->type != NGHTTP2_DATA || header->length == 0) session->events += 1;
  return 0;
}

// nghttp2 drops frames for streams that have ended without a word. What it does not tell of is what was dropped.
static int bound_dropped(transport_session *session) {
  uint64_t const dropped = session->taken_bytes - session->seen_bytes;
  // A frame is told of before all of it is there.
  if (session->is_client || session->has_dropped_too_much || session->seen_bytes >= session->taken_bytes ||
      dropped <= session->late_allowed) {
    return 0;
  }
  session->has_dropped_too_much = true;
  return too_much(session, TRANSPORT_LIMIT_LATE_DATA);
}

int http2_receive(transport_session *session, const uint8_t *bytes, size_t length) {
  ssize_t const taken = nghttp2_session_mem_recv(session->http2, bytes, length);
  if (taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) session_limit(session, TRANSPORT_LIMIT_CONTINUATIONS);
  if (taken == NGHTTP2_ERR_FLOODED) session_limit(session, TRANSPORT_LIMIT_UNREAD_ANSWERS);
  if (taken < 0 || (size_t)taken != length) return -1;
  session->taken_bytes += length;
  return bound_dropped(session);
}

// MARK: What we send

void http2_continue(transport_stream *stream) {
  static const char name[] = ":status";
  static const char value[] = "100";
  nghttp2_nv const field = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, 7, 3, NGHTTP2_NV_FLAG_NONE};
  (void)nghttp2_submit_headers(stream->session->http2, NGHTTP2_FLAG_NONE, stream->id, NULL, &field, 1, NULL);
}

void http2_resume(transport_stream *stream) {
  stream->is_deferred = false;
  (void)nghttp2_session_resume_data(stream->session->http2, stream->id);
}

void http2_reset(transport_stream *stream, uint32_t code) { cut(stream, TRANSPORT_CLOSE_LOCAL, code); }

void http2_consume(transport_stream *stream, size_t length) {
  transport_session *const session = stream->session;
  (void)nghttp2_session_consume_stream(session->http2, stream->id, length);
  pay_owed(session);
}

size_t http2_send(transport_session *session, uint8_t *destination, size_t capacity) {
  size_t written = 0;
  while (written < capacity) {
    if (session->unsent_length == 0) {
      // A frame is made only where it fits, so that hardly anything is ever kept.
      if (capacity - written < FRAME_BYTES + 16 && written > 0) break;
      ssize_t const length = nghttp2_session_mem_send(session->http2, &session->unsent);
      if (length < 0) {
        session->is_closing = session->has_failed = true;
        break;
      }
      if (length == 0) break;
      session->unsent_length = (size_t)length;
    }
    size_t const room = capacity - written;
    size_t const length = session->unsent_length < room ? session->unsent_length : room;
    memcpy(destination + written, session->unsent, length);
    written += length;
    session->unsent += length;
    session->unsent_length -= length;
  }
  return written;
}

// MARK: Begin, time, end

static nghttp2_session_callbacks *callbacks_new(void) {
  nghttp2_session_callbacks *callbacks = NULL;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return NULL;
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
  return callbacks;
}

int http2_start(transport_session *session) {
  transport_limits const *const limits = &session->limits;
  nghttp2_session_callbacks *const callbacks = callbacks_new();
  nghttp2_option *option = NULL;
  int result = callbacks == NULL ? -1 : nghttp2_option_new(&option);
  if (result == 0) {
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    // Counted in on_begin_frame, where the limit has a name.
    nghttp2_option_set_max_settings(option, FRAME_BYTES);
    nghttp2_option_set_max_continuations(option, limits->continuations);
    nghttp2_option_set_max_outbound_ack(option, limits->unread_answers);
    nghttp2_option_set_peer_max_concurrent_streams(option, 100);
    // Resets are counted here, where the limit has a name.
    nghttp2_option_set_stream_reset_rate_limit(option, (uint64_t)limits->reset_burst * 2, (uint64_t)limits->reset_rate * 2);
    result = session->is_client ? nghttp2_session_client_new2(&session->http2, callbacks, session, option)
                                : nghttp2_session_server_new2(&session->http2, callbacks, session, option);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (result != 0) return -1;
  // The client's first words are told of by nobody; extensions of the protocol that it tries out are dropped, too.
  session->late_allowed = FRAME_BYTES;
  nghttp2_settings_entry entries[5] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME_BYTES},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->header_bytes},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams},
  };
  size_t count = 4;
  if (session->is_client) {
    entries[3] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  }
  if (nghttp2_submit_settings(session->http2, NGHTTP2_FLAG_NONE, entries, count) != 0) return -1;
  return nghttp2_session_set_local_window_size(session->http2, NGHTTP2_FLAG_NONE, 0, (int32_t)limits->connection_window) == 0
             ? 0
             : -1;
}

static void go_away(transport_session *session) {
  int32_t const last = nghttp2_session_get_last_proc_stream_id(session->http2);
  (void)nghttp2_submit_goaway(session->http2, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
  session->has_said_goaway = true;
  // Requests that are on their way are dropped unseen.
  session->late_allowed += session->limits.connection_window;
}

int http2_tick(transport_session *session, bool has_unsent) {
  (void)has_unsent;
  transport_limits const *const limits = &session->limits;
  uint64_t const now = session->now_ms;
  if (session->is_shutting_down && !session->has_said_goaway) go_away(session);
  if (session->heading_ms != 0 && now - session->heading_ms > limits->head_timeout_ms) {
    session_limit(session, TRANSPORT_LIMIT_HEAD_TIMEOUT);
    return -1;
  }
  if (session->ping_ms != 0) {
    if (session->input_ms > session->ping_ms) {
      session->ping_ms = 0;
    } else if (now - session->ping_ms > limits->keepalive_timeout_ms) {
      session_limit(session, TRANSPORT_LIMIT_KEEPALIVE_TIMEOUT);
      return -1;
    }
  }
  if (session->stream_count == 0) {
    if (!session->is_client && now - session->idle_ms > limits->idle_timeout_ms &&
        now - session->input_ms > limits->idle_timeout_ms) {
      session_limit(session, TRANSPORT_LIMIT_IDLE_TIMEOUT);
      transport_session_shutdown(session);
      if (now - session->idle_ms > (uint64_t)limits->idle_timeout_ms + limits->connection_grace_ms) return -1;
    }
    return 0;
  }
  if (limits->keepalive_ms > 0 && session->ping_ms == 0 && now - session->input_ms > limits->keepalive_ms) {
    (void)nghttp2_submit_ping(session->http2, NGHTTP2_FLAG_NONE, NULL);
    session->ping_ms = now == 0 ? 1 : now;
  }
  // Streams that take nothing of what waits for them. Looked at once a second.
  if (now - session->swept_ms < 1000) return 0;
  session->swept_ms = now;
  for (transport_stream *stream = session->streams; stream != NULL; stream = stream->next) {
    if (stream->has_sent_end && !stream->is_cut && !session->is_client && now - stream->sent_ms > SWALLOW_MS) {
      cut(stream, TRANSPORT_CLOSE_DONE, NGHTTP2_NO_ERROR);
    }
    if (stream->queued > 0 && !stream->is_cut && now - stream->sent_ms > limits->write_timeout_ms) {
      session_limit(session, TRANSPORT_LIMIT_WRITE_TIMEOUT);
      cut(stream, TRANSPORT_CLOSE_LIMIT, NGHTTP2_CANCEL);
    }
  }
  return 0;
}

void http2_shutdown(transport_session *session) {
  if (session->is_client) {
    (void)nghttp2_session_terminate_session(session->http2, NGHTTP2_NO_ERROR);
    session->has_said_goaway = true;
  } else if (session->stream_count == 0) {
    go_away(session);
  } else {
    // Requests that are on their way are still taken; the next tick names the last one.
    (void)nghttp2_submit_shutdown_notice(session->http2);
  }
}
