// One request and its answer, on HTTP/1.1 or HTTP/2, server's or client's side. All calls are made on the thread of the stream's
// loop (or, without a loop, one after the other); a stream is valid from its on_head (client: from the call that made it) until
// its on_close returns.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct transport_stream transport_stream;

// Bytes that belong to whoever gives them, for the time of a call.
typedef struct transport_text {
  const uint8_t *bytes;
  size_t length;
} transport_text;

typedef struct transport_field {
  transport_text name;  // lower case on HTTP/2; as sent on HTTP/1.1
  transport_text value;
} transport_field;

typedef struct transport_head {
  int version;  // 10, 11, 20
  int status;   // of an answer
  // of a request
  transport_text method;
  transport_text scheme;
  transport_text authority;
  transport_text target;
  const transport_field *fields;
  size_t field_count;
} transport_head;

// Fields that many messages have, checked and laid out once. Unchanging; used by any threads.
typedef struct transport_prepared transport_prepared;

/// Those of a request (method, scheme, authority and fields of `head`; the target is each request's own), of an answer (status and
/// fields), or of trailers (fields alone), for HTTP/2. Its texts are copied. NULL: out of memory.
transport_prepared *transport_prepared_new(const transport_head *head);
/// Gives them back: after the end of all sessions that were given them.
void transport_prepared_free(transport_prepared *prepared);

// Why a stream ended.
typedef enum transport_close {
  TRANSPORT_CLOSE_DONE,      // request and answer are complete
  TRANSPORT_CLOSE_RESET,     // the peer reset it
  TRANSPORT_CLOSE_LOCAL,     // we did
  TRANSPORT_CLOSE_LOST,      // the connection broke
  TRANSPORT_CLOSE_MALFORMED, // the peer spoke against its protocol
  TRANSPORT_CLOSE_LIMIT,     // a limit or timeout cut it
  TRANSPORT_CLOSE_SHUTDOWN,  // we shut down
  TRANSPORT_CLOSE_REFUSED    // the peer did not look at it: the call may be made again elsewhere
} transport_close;

// What a session tells; `context` is its own, `user` the stream's. Called on the loop's thread.
typedef struct transport_handlers {
  // A request's head (server), or an answer's (client).
  void (*on_head)(void *context, transport_stream *stream, void *user,
                           const transport_head *head);
  // Bytes of the peer's body, valid for the call. transport_stream_consume() gives credit for more.
  void (*on_body)(void *context, transport_stream *stream, void *user,
                           const uint8_t *bytes, size_t length);
  // The peer's side is complete.
  void (*on_end)(void *context, transport_stream *stream, void *user,
                          const transport_field *trailers, size_t count);
  // Once after each batch of input that gave the stream a head, a body or its end.
  void (*on_wake)(void *context, transport_stream *stream, void *user);
  // The last call for a stream.
  void (*on_close)(void *context, transport_stream *stream, void *user,
                            transport_close reason, uint32_t http2_code);
  // HTTP/2: a message with its body in one frame came whole in one batch of input, before any other handler is called for it. Returns whether
  // it is dealt with: then a server hears nothing more of the stream, and a client of its end alone. Else it is told of in parts,
  // as above. `body` is NULL where there is none. May be NULL.
  bool (*on_whole)(void *context, transport_stream *stream, void *user, const transport_head *head, const uint8_t *body,
                   size_t length, const transport_field *trailers, size_t count);
  // A limit was exceeded (transport_limit). May be NULL; `owner` is the session's.
  void (*on_limit)(void *context, void *owner, int limit);
  // So many bytes of our body are no longer queued: they are on their way, or dropped because the message has no body. May be NULL; must not
  // end the stream.
  void (*on_sent)(void *context, transport_stream *stream, void *user, size_t length);
  // A client gave up so many of its requests. Returns whether its address may. May be NULL; `owner` is the session's.
  bool (*on_given_up)(void *context, void *owner, uint32_t count);
} transport_handlers;

/// What transport_stream_set_user() was given, or NULL.
void *transport_stream_user(const transport_stream *stream);
/// Keeps `user` with the stream; handlers are called with it.
void transport_stream_set_user(transport_stream *stream, void *user);

/// Sends the answer's head (server). `ends`: nothing follows, neither body nor trailers. `length`: of the body that follows, or -1
/// where it is not known. Returns 0, or -1 where a head was sent before or the status is outside 200 up to 999.
int transport_stream_respond(transport_stream *stream, int status, const transport_field *fields,
                             size_t count, int64_t length, bool ends);

/// Sends a whole answer, on HTTP/2: `head`, the bytes of `prefix` and `body`, which are copied, and `trailers`. Returns 0, or -1 where a head
/// was sent before, on HTTP/1.1, or out of memory; then the stream is to be reset.
int transport_stream_answer(transport_stream *stream, const transport_prepared *head, transport_text prefix,
                            transport_text body, const transport_prepared *trailers);

/// Queues bytes of our body; `release(owner)` is called once they are no longer needed, also if the call fails (-1: no head yet,
/// after the end, out of memory).
int transport_stream_write(transport_stream *stream, const uint8_t *bytes, size_t length,
                           void (*release)(void *owner), void *owner);

/// Like transport_stream_write() with a copy of the bytes: for few.
int transport_stream_write_copy(transport_stream *stream, const uint8_t *bytes, size_t length);

/// Our side is complete. Returns 0, or -1 as above.
int transport_stream_end(transport_stream *stream, const transport_field *trailers, size_t count);

/// Ends both sides at once. on_close follows, maybe before the call returns.
void transport_stream_reset(transport_stream *stream, uint32_t http2_code);

/// `length` bytes of the peer's body were taken: it may send as many more.
void transport_stream_consume(transport_stream *stream, size_t length);

/// Whether a client waits for "100 Continue" before it sends its body; the call sends it if so.
void transport_stream_continue(transport_stream *stream);

/// Bytes queued and not sent yet.
size_t transport_stream_queued(const transport_stream *stream);
