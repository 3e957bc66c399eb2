// Event loops, each driven by one thread at a time (crew.h), and the connections on them. A connection stays on its loop; everything
// about it happens on that thread, what others want of it they post.
#pragma once
#include "session.h"
#include "tls.h"

typedef struct transport_loop transport_loop;
typedef struct transport_listener transport_listener;
typedef struct transport_connection transport_connection;
typedef struct transport_counters transport_counters;

typedef void (*transport_task)(void *context);

/// Starts a loop and its thread. NULL: no thread or no memory to be had.
transport_loop *transport_loop_new(void);
/// Closes everything on the loop, runs what was posted before, ends the thread, frees the loop. On the loop's own thread
/// the call returns at once, and the rest happens when its callbacks have returned.
void transport_loop_stop(transport_loop *loop);
/// Runs `task(context)` on the loop's thread, soon, in the order of the calls. From any thread. False: out of memory.
bool transport_loop_post(transport_loop *loop, transport_task task, void *context);

typedef struct transport_timer transport_timer;

/// Runs `task(context)` on the loop's thread after `delay_ms` milliseconds, never earlier, unless it is stopped before; a loop that is
/// stopped drops it. Made on the loop's thread. NULL: out of memory.
transport_timer *transport_timer_start(transport_loop *loop, uint64_t delay_ms, transport_task task, void *context);
/// Stops a timer that has not fired; it is gone afterwards, as one is whose task has begun. Called on the loop's thread. NULL is
/// nothing.
void transport_timer_stop(transport_timer *timer);
/// Whether the caller is on the loop's thread.
bool transport_loop_is_current(const transport_loop *loop);

/// Counts, over all loops of a server. Read from any thread.
transport_counters *transport_counters_new(void);
/// Gives them back.
void transport_counters_free(transport_counters *counters);
/// Connections that are open now.
uint64_t transport_counters_open(const transport_counters *counters);
/// Connections accepted.
uint64_t transport_counters_accepted(const transport_counters *counters);
/// How often a limit was met.
uint64_t transport_counters_limit(const transport_counters *counters, transport_limit limit);
/// TLS handshakes that failed.
uint64_t transport_counters_tls_failures(const transport_counters *counters);
/// Bytes received from sockets.
uint64_t transport_counters_received(const transport_counters *counters);
/// Bytes given to sockets.
uint64_t transport_counters_sent(const transport_counters *counters);

/// A bound socket that does not listen yet: of a numeric address and a port (0: any; `*bound_port` gets it), or of a path where `port` is
/// -1. `shares`: with SO_REUSEPORT. -1 on failure, and `error` says why.
int transport_bind(const char *address, int port, bool shares, int *bound_port, char *error, size_t error_capacity);

// Whoever handles a connection's streams, and the connection itself.
typedef struct transport_connection_handlers {
  transport_handlers streams;
  // A client's connection is ready (`error` NULL) or failed; in that case it is gone after the call.
  void (*on_connected)(void *context, transport_connection *connection, const char *error);
  // The last call for a connection, after on_close of all its streams.
  void (*on_disconnected)(void *context, transport_connection *connection, void *user);
} transport_connection_handlers;

/// Accepts connections at the socket `fd`, which it owns then. On the loop's thread. NULL on failure.
transport_listener *transport_listen(transport_loop *loop, int fd, bool is_unix, transport_tls *tls,
                                     const transport_limits *limits, const transport_connection_handlers *handlers,
                                     void *context, transport_counters *counters);
/// Accepts no more. Its connections stay. On the loop's thread.
void transport_listener_close(transport_listener *listener);
/// Asks all connections of the loop that have this `context` to end in good order. On the loop's thread.
void transport_loop_shutdown_connections(transport_loop *loop, const void *context);
/// Cuts them; their last callbacks come before the call returns. On the loop's thread.
void transport_loop_cut_connections(transport_loop *loop, const void *context);

/// Connects to a numeric address, or to a path where `port` is -1. On the loop's thread; on_connected may come before the call returns.
/// False: out of memory, or not an address; then nothing is called.
bool transport_connect(transport_loop *loop, const char *address, int port, transport_tls *tls,
                       const transport_limits *limits, const transport_connection_handlers *handlers, void *context,
                       transport_counters *counters);
/// Of a client's connection: begins its end in good order. On the loop's thread.
void transport_connection_shutdown(transport_connection *connection);
/// Cuts it. on_disconnected may follow before the call returns. On the loop's thread.
void transport_connection_cut(transport_connection *connection);

/// What is sent after the callbacks of the loop anyhow is sent by those who posted by this. On the loop's thread.
void transport_connection_flush(transport_connection *connection);

/// The session that the connection drives; NULL once it has ended.
transport_session *transport_connection_session(transport_connection *connection);
/// The connection of a stream; NULL where a session runs without one.
transport_connection *transport_stream_connection(const transport_stream *stream);
/// What transport_connection_set_user() was given, or NULL.
void *transport_connection_user(const transport_connection *connection);
/// Keeps `user` with the connection, until on_disconnected hands it back.
void transport_connection_set_user(transport_connection *connection, void *user);

// The other end. Texts are valid as long as the connection.
typedef struct transport_peer {
  const char *address;
  int port;             // -1: a Unix socket
  const char *version;  // of TLS, or NULL without
  const char *cipher;
} transport_peer;
/// Who is at the other end.
transport_peer transport_connection_peer(const transport_connection *connection);

/// The `index`th value of a part of the subject of the peer's certificate: "CN", "O", "OU". Returns its length in UTF-8, or -1 where
/// there is none (any more). At most `capacity` bytes are written.
int transport_connection_subject(const transport_connection *connection, const char *part, int index, char *destination,
                                 size_t capacity);
