// What the parts of a session share. session.c dispatches; http1.c and http2.c are the two protocols; stream.c keeps the queues.
#pragma once
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "include/transport/session.h"

// Bytes of our body that wait to be sent.
typedef struct body_part {
  struct body_part *next;
  const uint8_t *bytes;
  size_t length;
  void (*release)(void *owner);
  void *owner;
} body_part;

// Small bodies are kept in the stream itself. Closed streams are kept for new ones, few once there was none for a moment; not where the address sanitizer
// should see that they are gone.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARE_STREAMS 0
#endif
#endif
#ifndef SPARE_STREAMS
#define SPARE_STREAMS 128
#endif
// Their lists of fields are kept with them while they are small.
enum { SMALL_BODY_BYTES = 512, SPARE_STREAMS_MAX = SPARE_STREAMS, SPARE_STREAMS_IDLE = 2, SPARE_IDLE_MS = 500, SPARE_FIELDS_BYTES = 512 };

// A buffer that grows.
typedef struct byte_buffer {
  uint8_t *bytes;
  size_t length;
  size_t capacity;
} byte_buffer;

// Fields whose text lies in a buffer of their own: offsets while it grows, pointers once it is complete.
typedef struct field_list {
  byte_buffer text;
  transport_field *fields;
  size_t *offsets;  // of each field's name; its value follows
  size_t count;
  size_t capacity;
} field_list;

struct transport_stream {
  transport_session *session;
  transport_stream *next;
  transport_stream *previous;
  transport_stream *wake_next;
  void *user;
  body_part *queue;
  body_part *queue_end;
  size_t queued;    // bytes in the queue
  size_t untold;    // bytes that left it and on_sent was not told of
  size_t held;      // bytes given to on_body and not consumed
  size_t swallowed; // bytes that came after our end
  int32_t id;       // HTTP/2's
  uint64_t sent_ms; // when the peer took something last
  int64_t length_left;  // HTTP/1.1: of the announced body, -1: not announced
  bool is_announced;    // on_head was called, so on_close is due
  bool has_head;
  bool has_ended;         // our side, by the handler
  bool has_sent_end;      // our side, on the wire
  bool has_remote_ended;  // the peer's side
  bool is_deferred;       // HTTP/2 asked for bytes when there were none
  bool is_woken;          // in the list of those to be woken
  bool is_chunked;        // HTTP/1.1: our body goes out in chunks
  bool has_no_body;       // our answer may carry none (HEAD, 204, 304): what is written is dropped
  bool awaits_continue;   // the client waits for 100
  bool has_trailers;
  bool has_remote_head;   // HTTP/2: headers that come now are trailers
  bool is_cut;            // we reset it, for cut_reason
  bool is_held_back;      // HTTP/2: nobody was told of what is in `head` and `held_body`
  transport_close cut_reason;
  bool has_small_part;    // `small_part` is in the queue
  body_part small_part;
  transport_head head;       // with texts in `heading`
  const uint8_t *held_body;  // `held` bytes, for the time of a batch of input
  const transport_prepared *prepared_trailers;
  field_list trailers;  // this and what follows is not cleared for a new stream
  field_list heading;
  uint8_t small_body[SMALL_BODY_BYTES];
};

typedef enum http1_state {
  HTTP1_HEAD,          // waiting for or inside a head
  HTTP1_BODY,          // inside a body of known length
  HTTP1_CHUNK_SIZE,    // inside a chunk's size
  HTTP1_CHUNK_EXT,     // inside a chunk's extension
  HTTP1_CHUNK_LF,      // before the LF after a chunk's size
  HTTP1_CHUNK_DATA,    // inside a chunk
  HTTP1_CHUNK_CR,      // before the CR LF after a chunk
  HTTP1_CHUNK_DATA_LF, //
  HTTP1_TRAILERS,      // inside the trailers
  HTTP1_BUSY,          // the request is complete, its answer not
  HTTP1_CLOSED         // nothing more is read
} http1_state;

typedef struct http1 {
  http1_state state;
  byte_buffer input;  // what could not be used yet
  size_t scanned;     // of the head in it
  uint64_t left;      // of the body or chunk
  int size_digits;
  size_t extension_bytes;
  size_t trailer_scanned;
  byte_buffer trailer_text;
  byte_buffer output;  // heads and what frames chunks
  size_t output_sent;
  transport_stream *stream;  // the request that is being answered
  bool keeps_alive;
  bool is_head_request;
  bool is_http10;
  uint64_t head_ms;  // when the head began, 0: it has not
} http1;

// Tokens that come back with time.
typedef struct token_bucket {
  uint64_t filled_ms;
  uint32_t tokens;
} token_bucket;

struct transport_session {
  transport_protocol protocol;
  bool is_client;
  bool is_secure;
  bool is_closing;  // close once all is sent
  bool has_failed;  // take nothing more
  bool is_shutting_down;
  bool is_aged;
  bool has_said_goaway;
  bool has_dropped_too_much;
  transport_limits limits;
  transport_handlers handlers;
  void *context;
  void *owner;  // the connection that drives the session
  uint64_t now_ms;
  uint64_t created_ms;
  uint64_t input_ms;  // when the peer sent something last
  uint64_t sent_ms;   // when the socket took something last
  uint64_t idle_ms;   // since when there is no stream
  uint64_t ping_ms;   // when an unanswered PING went out, 0: none
  uint64_t aged_ms;
  uint64_t swept_ms;
  transport_stream *streams;
  transport_stream *spare;  // closed ones, for new ones
  size_t spare_count;
  transport_stream *wake;
  size_t stream_count;
  size_t held;           // bytes given to on_body and not consumed, all streams
  size_t owed;           // of connection credit
  uint8_t sniffed[4];
  size_t sniffed_length;
  nghttp2_session *http2;
  field_list heading;  // HTTP/2: the header block that is being received
  size_t heading_bytes;
  bool heading_is_too_long;
  uint64_t heading_ms;     // when the header block began, 0: none
  const uint8_t *unsent;   // of nghttp2's last piece
  size_t unsent_length;
  uint64_t events;        // see transport_session_events
  uint64_t taken_bytes;   // HTTP/2: of all frames
  uint64_t seen_bytes;    // of those that were told of
  uint64_t late_allowed;  // of the others: what the windows of streams that have ended allowed
  token_bucket resets;
  uint64_t reset_count;  // RST_STREAM so far
  token_bucket controls;
  http1 http1;
};

// stream.c
transport_stream *stream_new(transport_session *session);
void stream_close(transport_stream *stream, transport_close reason, uint32_t http2_code);
void streams_free_spare(transport_session *session, size_t kept);
void stream_wake(transport_stream *stream);
size_t stream_take(transport_stream *stream, uint8_t *destination, size_t capacity);
// Bytes of our body, copied; of a stream that takes them.
int stream_write_joined(transport_stream *stream, transport_text prefix, transport_text body);
void stream_give_body(transport_stream *stream, const uint8_t *bytes, size_t length);

// session.c
void session_limit(transport_session *session, transport_limit limit);
bool bucket_take(token_bucket *bucket, uint32_t burst, uint32_t rate, uint64_t now_ms);
bool text_equals(transport_text text, const char *lower, size_t length);
// Whether a text is the word `lower`, whatever its case.
static inline bool text_is(transport_text text, const char *lower) { return text_equals(text, lower, strlen(lower)); }
const char *session_date(void);
bool is_token(const uint8_t *bytes, size_t length);
// Copies a name in small letters.
void lower_name(uint8_t *destination, const uint8_t *bytes, size_t length);

// buffers.c
int buffer_reserve(byte_buffer *buffer, size_t more);
int buffer_append(byte_buffer *buffer, const void *bytes, size_t length);
void buffer_free(byte_buffer *buffer);
void buffer_drop_front(byte_buffer *buffer, size_t length);
int fields_add(field_list *list, transport_text name, transport_text value);
const transport_field *fields_resolve(field_list *list);
void fields_clear(field_list *list);
void fields_free(field_list *list);

// http1.c
int http1_receive(transport_session *session, const uint8_t *bytes, size_t length);
size_t http1_send(transport_session *session, uint8_t *destination, size_t capacity);
int http1_respond(transport_stream *stream, int status, const transport_field *fields, size_t count, int64_t length,
                  bool ends);
void http1_reset(transport_stream *stream);
void http1_continue(transport_stream *stream);
int http1_tick(transport_session *session, bool has_unsent);
void http1_free(transport_session *session);

// http1_head.c
typedef struct http1_head {
  transport_head head;
  transport_field fields[512];
  int64_t content_length;  // -1: none
  bool is_chunked;
  bool keeps_alive;
  bool expects_continue;
} http1_head;
// The length of the head at the begin of `bytes` with its empty line, 0 where it is not complete, -1 where a line ends without CR.
int64_t http1_head_length(const uint8_t *bytes, size_t length, size_t *scanned);
// Reads a whole head. Returns 0 or the status to refuse it with; `*reason` says why.
int http1_head_read(const uint8_t *bytes, size_t length, size_t fields_max, http1_head *head, const char **reason);
// Reads the lines of trailers. Returns 0 or 400.
int http1_trailers_read(const uint8_t *bytes, size_t length, size_t fields_max, field_list *trailers);

// http2.c
int http2_start(transport_session *session);
int http2_receive(transport_session *session, const uint8_t *bytes, size_t length);
size_t http2_send(transport_session *session, uint8_t *destination, size_t capacity);
int http2_respond(transport_stream *stream, int status, const transport_field *fields, size_t count, int64_t length,
                  bool ends);
void http2_resume(transport_stream *stream);
void http2_reset(transport_stream *stream, uint32_t code);
void http2_consume(transport_stream *stream, size_t length);
void http2_continue(transport_stream *stream);
void http2_announce(transport_stream *stream);
void http2_shutdown(transport_session *session);
int http2_tick(transport_session *session, bool has_unsent);
