// What loops, listeners and connections share.
#pragma once
#include <stdatomic.h>
#include <uv.h>

#include "crew.h"
#include "include/transport/loop.h"
#include "include/transport/peers.h"
#include "tls_session.h"

typedef struct posted {
  transport_task task;
  void *context;
} posted;

struct transport_counters {
  atomic_ullong open;
  atomic_ullong accepted;
  atomic_ullong tls_failures;
  atomic_ullong received;
  atomic_ullong sent;
  atomic_ullong limits[TRANSPORT_LIMIT_COUNT];
  transport_peers *peers;
};

typedef union socket_handle {
  uv_handle_t handle;
  uv_stream_t stream;
  uv_tcp_t tcp;
  uv_pipe_t pipe;
} socket_handle;

struct transport_listener {
  socket_handle socket;
  transport_loop *loop;
  transport_listener *next;
  transport_tls *tls;
  transport_limits limits;
  transport_connection_handlers handlers;
  void *context;
  transport_counters *counters;
  bool is_unix;
  bool is_closing;
};

typedef struct out_buffer {
  uint8_t *bytes;
  size_t length;
  size_t capacity;
} out_buffer;

typedef struct timer_heap {
  uv_timer_t uv;
  transport_timer **timers;
  size_t count;
  size_t capacity;
  uint64_t armed_ms;  // when libuv's timer fires, 0: not at all
} timer_heap;

struct transport_loop {
  uv_loop_t uv;
  uv_async_t wake;
  uv_timer_t timer;
  uv_prepare_t prepare;
  uint64_t turn;  // how often the loop has gone round
  timer_heap timers;
  crew_seat *seat;
  pthread_mutex_t lock;
  // Posted by others, under the lock.
  posted *posted;
  size_t posted_count;
  size_t posted_capacity;
  bool is_woken;
  // The loop's own.
  transport_connection *connections;
  transport_connection *dirty;  // to be pumped after the current batch of events
  transport_connection *again;  // to be pumped in the next one: they had their share of this
  transport_listener *listeners;
  uint8_t *input;   // INPUT_BYTES
  uint8_t *plain;   // PLAIN_BYTES, of TLS
  out_buffer output;
  bool is_stopping;
  bool frees_itself;
  bool is_timing;
};

struct transport_connection {
  socket_handle socket;
  uv_write_t write;
  uv_connect_t connect;
  uv_shutdown_t shutdown;
  transport_loop *loop;
  transport_connection *next;
  transport_connection *previous;
  transport_connection *next_dirty;
  transport_session *session;
  transport_connection_handlers handlers;
  void *context;
  void *user;
  transport_counters *counters;
  transport_tls *tls;
  SSL *ssl;
  const uint8_t *encrypted;  // what TLS may read now
  size_t encrypted_length;
  uint8_t *unsent;  // what the socket did not take
  size_t unsent_length;
  uint64_t created_ms;
  uint64_t lingering_ms;
  uint64_t read_turn;  // the turn of the loop in which it was read from last
  uint32_t reads;      // and how often
  uint32_t input_bytes;  // that a read may take
  uint32_t handshake_timeout_ms;
  uint32_t peer_reset_burst;
  uint32_t peer_reset_rate;
  uint64_t peer_key;  // of the table of addresses, 0: not held to account
  int open_handles;
  bool is_client;
  bool is_unix;
  bool is_connected;
  bool is_secured;  // the handshake is done
  bool is_announced;
  bool is_writing;
  bool is_reading;
  bool is_lingering;
  bool is_closing;
  bool is_dirty;
  bool is_pumping;
  bool has_shutdown;
  char address[110];
  int port;
};

// connection.c
transport_connection *connection_new(transport_loop *loop, bool is_client, transport_tls *tls, const transport_limits *limits,
                                     const transport_connection_handlers *handlers, void *context,
                                     transport_counters *counters);
void connection_begin(transport_connection *connection);
void connection_pump(transport_connection *connection);
void connection_close(transport_connection *connection, transport_close reason, const char *error);
void connection_tick(transport_connection *connection, uint64_t now_ms);
void connection_mark(transport_connection *connection);

// timers.c
void timers_begin(transport_loop *loop);
void timers_end(transport_loop *loop);
void timers_free(transport_loop *loop);

// loop.c
void loop_flush(transport_loop *loop);
void loop_start_timer(transport_loop *loop);
