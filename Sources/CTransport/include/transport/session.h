// The protocol of one connection as a state machine: bytes in, bytes out, what they mean by handlers. No socket, no clock, no
// thread: a connection drives it with what its socket gives, a test or a fuzzer with whatever it likes.
#pragma once
#include "limits.h"
#include "stream.h"

typedef struct transport_session transport_session;

typedef enum transport_protocol {
  TRANSPORT_PROTOCOL_UNKNOWN,  // server: found out by the first bytes
  TRANSPORT_PROTOCOL_HTTP1,
  TRANSPORT_PROTOCOL_HTTP2
} transport_protocol;

/// A session at the time `now_ms` of any monotonic clock. A client speaks HTTP/2. NULL: out of memory.
transport_session *transport_session_new(bool is_client, bool is_secure, const transport_limits *limits,
                                                   const transport_handlers *handlers, void *context,
                                                   uint64_t now_ms);

/// Ends all streams for `reason`, then frees the session. NULL is nothing.
void transport_session_free(transport_session *session, transport_close reason);

/// What the handlers are called with. For owners that exist only after their session.
void transport_session_set_context(transport_session *session, void *context);

/// Who drives the session, for those who meet one of its streams; NULL at first.
void transport_session_set_owner(transport_session *session, void *owner);
/// The owner of the session that a stream belongs to.
void *transport_stream_owner(const transport_stream *stream);

/// Starts with a protocol that is known (ALPN). Returns 0, or -1 out of memory.
int transport_session_start(transport_session *session, transport_protocol protocol);
/// What it speaks, as far as that is known.
transport_protocol transport_session_protocol(const transport_session *session);

/// Takes all of `length` bytes that the peer sent; 0 bytes let it go on with what it held back. Returns 0, or -1 where the connection
/// must end once what transport_session_send() still gives is sent.
int transport_session_receive(transport_session *session, const uint8_t *bytes, size_t length,
                              uint64_t now_ms);

/// The peer will send nothing more. Returns whether the connection may go on (never, at present: who half-closes has left).
bool transport_session_end_of_input(transport_session *session);

/// Moves up to `capacity` (at least 4096) bytes for the peer to `destination`; returns how many: 0 where there is nothing at
/// present.
size_t transport_session_send(transport_session *session, uint8_t *destination, size_t capacity);

/// Whether the socket took bytes: the peer makes progress.
void transport_session_sent(transport_session *session, uint64_t now_ms);

/// Whether receive(NULL, 0) has something to do.
bool transport_session_has_input(const transport_session *session);
/// Whether the session wants more bytes of the peer.
bool transport_session_wants_input(const transport_session *session);
/// Whether the connection should be closed once everything is sent.
bool transport_session_wants_close(const transport_session *session);

/// Time passes. `has_unsent`: bytes given by send() wait for the socket. Returns 0, or -1 where a limit ends the connection.
int transport_session_tick(transport_session *session, uint64_t now_ms, bool has_unsent);

/// Begins an orderly end: no new streams, GOAWAY, close after the last stream.
void transport_session_shutdown(transport_session *session);

/// Ends all streams for `reason`, of a session that will take and send nothing more.
void transport_session_cut_streams(transport_session *session, transport_close reason);

/// Requests that the peer has begun so far, and frames of it that cost work whatever their length: resets, control frames.
uint64_t transport_session_events(const transport_session *session);

/// Open streams.
size_t transport_session_stream_count(const transport_session *session);

/// A client's request: `head` with method, scheme, authority, target and fields. `ends`: it has no body. NULL where the session takes no
/// requests any more, or out of memory.
transport_stream *transport_session_request(transport_session *session,
                                                      const transport_head *head, bool ends,
                                                      void *user);

/// A client's whole request: `head` with `target` and more `fields`, and as its body the bytes of `prefix` and `body`, which are copied.
/// NULL as above.
transport_stream *transport_session_call(transport_session *session, const transport_prepared *head, transport_text target,
                                         const transport_field *fields, size_t count, transport_text prefix,
                                         transport_text body, void *user);
