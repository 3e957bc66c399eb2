// A connection: its socket, its TLS, and the session between them.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection_state.h"

enum {
  INPUT_BYTES = 256 << 10,
  PLAIN_BYTES = 64 << 10,
  OUTPUT_BYTES = 256 << 10,
  // So much goes out for one connection before the others have their turn.
  SHARE_BYTES = 1 << 20,
  // So often a connection is read from in one turn of the loop.
  READS_MAX = 4,
  // So much is read at first; twice as much after each time that it was all there.
  FIRST_INPUT_BYTES = 16 << 10,
  // A read that brought more requests, resets and the like than this makes the next ones small: the others of the loop wait meanwhile.
  EVENTS_MAX = 128,
  LEAST_INPUT_BYTES = 8 << 10,
  LINGER_MS = 1000
};

static uint64_t now_of(const transport_connection *c) { return uv_now(&c->loop->uv); }

static int output_reserve(out_buffer *output, size_t more) {
  if (output->length + more <= output->capacity) return 0;
  size_t const capacity = (output->length + more) * 2;
  uint8_t *const bytes = realloc(output->bytes, capacity);
  if (bytes == NULL) return -1;
  output->bytes = bytes;
  output->capacity = capacity;
  return 0;
}

// MARK: TLS reads from what came and writes to what goes

static int bio_write(BIO *bio, const char *bytes, int length) {
  transport_connection *const c = BIO_get_data(bio);
  out_buffer *const output = &c->loop->output;
  if (length < 0 || output_reserve(output, (size_t)length) != 0) return -1;
  memcpy(output->bytes + output->length, bytes, (size_t)length);
  output->length += (size_t)length;
  return length;
}

static int bio_read(BIO *bio, char *bytes, int capacity) {
  transport_connection *const c = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (c->encrypted_length == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t const room = capacity > 0 ? (size_t)capacity : 0;
  size_t const length = c->encrypted_length < room ? c->encrypted_length : room;
  memcpy(bytes, c->encrypted, length);
  c->encrypted += length;
  c->encrypted_length -= length;
  return (int)length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// One for the process.
static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static void make_method(void) {
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
  if (method == NULL) return;
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_ctrl(method, bio_control);
}

static int tls_begin(transport_connection *c) {
  pthread_once(&method_once, make_method);
  BIO *const bio = method == NULL ? NULL : BIO_new(method);
  if (bio == NULL) return -1;
  BIO_set_data(bio, c);
  BIO_set_init(bio, 1);
  c->ssl = tls_session(c->tls, bio);
  return c->ssl == NULL ? -1 : 0;
}

// MARK: Begin and end

static void count_limit(void *context, void *owner, int limit) {
  (void)context;
  const transport_connection *const c = owner;
  if (c == NULL || c->counters == NULL || (unsigned)limit >= TRANSPORT_LIMIT_COUNT) return;
  atomic_fetch_add_explicit(&c->counters->limits[limit], 1, memory_order_relaxed);
}

// The client gave up requests: its address pays for them. Returns whether it can.
static bool charge(void *context, void *owner, uint32_t count) {
  (void)context;
  const transport_connection *const c = owner;
  if (c == NULL || c->counters == NULL || c->is_client) return true;
  return transport_peers_charge(c->counters->peers, c->peer_key, count, c->peer_reset_burst, c->peer_reset_rate, now_of(c));
}

// What a connection that ends leaves behind.
static void charge_streams(transport_connection *c) {
  size_t const count = c->is_client ? 0 : transport_session_stream_count(c->session);
  if (count > 0) (void)charge(c->context, c, (uint32_t)count);
}

transport_connection *connection_new(transport_loop *loop, bool is_client, transport_tls *tls, const transport_limits *limits,
                                     const transport_connection_handlers *handlers, void *context,
                                     transport_counters *counters) {
  transport_connection *const c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  transport_handlers streams = handlers->streams;
  streams.on_limit = count_limit;
  streams.on_given_up = charge;
  c->session = transport_session_new(is_client, tls != NULL, limits, &streams, context, uv_now(&loop->uv));
  if (c->session == NULL) {
    free(c);
    return NULL;
  }
  transport_session_set_owner(c->session, c);
  c->loop = loop;
  c->is_client = is_client;
  c->tls = transport_tls_retain(tls);
  c->handlers = *handlers;
  c->context = context;
  c->counters = counters;
  c->created_ms = uv_now(&loop->uv);
  c->handshake_timeout_ms = limits->handshake_timeout_ms;
  c->peer_reset_burst = limits->peer_reset_burst;
  c->peer_reset_rate = limits->peer_reset_rate;
  c->port = -1;
  c->input_bytes = FIRST_INPUT_BYTES;
  c->next = loop->connections;
  if (c->next != NULL) c->next->previous = c;
  loop->connections = c;
  loop_start_timer(loop);
  return c;
}

static void on_closed(uv_handle_t *handle) {
  transport_connection *const c = handle->data;
  SSL_free(c->ssl);
  transport_tls_release(c->tls);
  free(c->unsent);
  free(c);
}

void connection_close(transport_connection *c, transport_close reason, const char *error) {
  if (c->is_closing) return;
  c->is_closing = true;
  // What TLS wanted to say is nobody else's.
  c->loop->output.length = 0;
  if (c->is_dirty) {
    transport_connection **lists[] = {&c->loop->dirty, &c->loop->again};
    for (int i = 0; i < 2; i++) {
      transport_connection **link = lists[i];
      while (*link != NULL && *link != c) link = &(*link)->next_dirty;
      if (*link == c) *link = c->next_dirty;
    }
    c->is_dirty = false;
  }
  if (c->previous != NULL) {
    c->previous->next = c->next;
  } else {
    c->loop->connections = c->next;
  }
  if (c->next != NULL) c->next->previous = c->previous;
  // What we end ourselves is not the client's fault.
  if (reason != TRANSPORT_CLOSE_SHUTDOWN && reason != TRANSPORT_CLOSE_LOCAL) charge_streams(c);
  // A loop over all connections may stand on this one: its `next` stays.
  transport_session_free(c->session, reason);
  c->session = NULL;
  if (c->is_client && !c->is_announced) {
    c->is_announced = true;
    c->handlers.on_connected(c->context, c, error == NULL ? "the connection ended" : error);
  } else {
    c->handlers.on_disconnected(c->context, c, c->user);
  }
  if (c->counters != NULL && !c->is_client) atomic_fetch_sub_explicit(&c->counters->open, 1, memory_order_relaxed);
  uv_close(&c->socket.handle, on_closed);
}

void connection_mark(transport_connection *c) {
  if (c->is_dirty || c->is_closing || c->is_pumping) return;
  c->is_dirty = true;
  c->next_dirty = c->loop->dirty;
  c->loop->dirty = c;
}

static void announce(transport_connection *c) {
  if (c->is_announced) return;
  c->is_announced = true;
  if (c->is_client) c->handlers.on_connected(c->context, c, NULL);
}

// MARK: Input

static void take_plain(transport_connection *c, const uint8_t *bytes, size_t length) {
  if (c->is_lingering) return;
  (void)transport_session_receive(c->session, bytes, length, now_of(c));
}

// What TLS has to say before the end goes out, if the socket takes it at once.
static void send_alert(transport_connection *c) {
  out_buffer *const output = &c->loop->output;
  if (output->length > 0 && !c->is_writing) {
    uv_buf_t const buffer = uv_buf_init((char *)output->bytes, (unsigned)output->length);
    (void)uv_try_write(&c->socket.stream, &buffer, 1);
  }
  output->length = 0;
}

// Returns whether the handshake is done.
static bool handshake(transport_connection *c) {
  ERR_clear_error();
  int const result = SSL_do_handshake(c->ssl);
  if (result == 1) {
    c->is_secured = true;
    const unsigned char *protocol = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(c->ssl, &protocol, &length);
    bool const is_http2 = length == 2 && memcmp(protocol, "h2", 2) == 0;
    if (!c->is_client && is_http2) (void)transport_session_start(c->session, TRANSPORT_PROTOCOL_HTTP2);
    announce(c);
    return !c->is_closing;
  }
  int const error = SSL_get_error(c->ssl, result);
  if (error == SSL_ERROR_WANT_READ) return false;
  if (c->counters != NULL) atomic_fetch_add_explicit(&c->counters->tls_failures, 1, memory_order_relaxed);
  unsigned long const code = ERR_peek_last_error();
  long const verified = SSL_get_verify_result(c->ssl);
  char text[256];
  const char *const reason = code == 0 ? NULL : ERR_reason_error_string(code);
  if (verified != X509_V_OK && c->is_client) {
    snprintf(text, sizeof text, "TLS handshake: %s", X509_verify_cert_error_string(verified));
  } else {
    snprintf(text, sizeof text, "TLS handshake: %s", reason == NULL ? "the peer ended it" : reason);
  }
  send_alert(c);
  ERR_clear_error();
  connection_close(c, TRANSPORT_CLOSE_LOST, text);
  return false;
}

static void take_encrypted(transport_connection *c, const uint8_t *bytes, size_t length) {
  c->encrypted = bytes;
  c->encrypted_length = length;
  if (!c->is_secured && !handshake(c)) return;
  for (;;) {
    ERR_clear_error();
    int const read = SSL_read(c->ssl, c->loop->plain, PLAIN_BYTES);
    if (read > 0) {
      take_plain(c, c->loop->plain, (size_t)read);
      if (c->is_closing) return;
      continue;
    }
    int const error = SSL_get_error(c->ssl, read);
    if (error == SSL_ERROR_WANT_READ) return;
    // close_notify, or something that is no TLS.
    send_alert(c);
    connection_close(c, TRANSPORT_CLOSE_LOST, NULL);
    return;
  }
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  transport_connection *const c = handle->data;
  if (c->read_turn != c->loop->turn) {
    c->read_turn = c->loop->turn;
    c->reads = 0;
  }
  c->reads += 1;
  // Without a buffer nothing is read: the others first, and the rest in the next turn.
  uint32_t const most = c->input_bytes < FIRST_INPUT_BYTES ? 1 : READS_MAX;
  *buffer = c->reads > most ? uv_buf_init(NULL, 0) : uv_buf_init((char *)c->loop->input, c->input_bytes);
}

// The next read takes less of a peer that asks for much with few bytes, and more of one that sends much.
static void adapt_input(transport_connection *c, size_t length, uint64_t events_before) {
  if (!c->is_client && transport_session_events(c->session) - events_before > EVENTS_MAX) {
    c->input_bytes = LEAST_INPUT_BYTES;
  } else if (length == c->input_bytes && c->input_bytes < INPUT_BYTES) {
    c->input_bytes *= 2;
  }
}

// Writes what TLS has put into the loop's buffer while there was nothing else to send.
static void flush_tls(transport_connection *c);

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
  transport_connection *const c = stream->data;
  transport_loop *const loop = c->loop;
  if (length == 0 || length == UV_ENOBUFS) return;
  if (length < 0) {
    if (c->is_lingering) {
      connection_close(c, TRANSPORT_CLOSE_DONE, NULL);
    } else if (length == UV_EOF && c->is_writing && transport_session_stream_count(c->session) == 0) {
      // The last answer is on its way.
      uv_read_stop(stream);
      c->is_reading = false;
      (void)transport_session_end_of_input(c->session);
    } else {
      connection_close(c, TRANSPORT_CLOSE_LOST, length == UV_EOF ? "the peer closed the connection" : uv_strerror((int)length));
    }
    loop_flush(loop);
    return;
  }
  if (c->counters != NULL) atomic_fetch_add_explicit(&c->counters->received, (uint64_t)length, memory_order_relaxed);
  if (c->is_lingering) return;
  uint64_t const events = transport_session_events(c->session);
  if (c->ssl != NULL) {
    take_encrypted(c, (const uint8_t *)buffer->base, (size_t)length);
  } else {
    take_plain(c, (const uint8_t *)buffer->base, (size_t)length);
  }
  if (!c->is_closing) {
    adapt_input(c, (size_t)length, events);
    flush_tls(c);
    connection_pump(c);
  }
  loop_flush(loop);
}

static void update_reading(transport_connection *c) {
  bool const wants = c->is_lingering || (c->ssl != NULL && !c->is_secured) || transport_session_wants_input(c->session);
  if (wants == c->is_reading) return;
  c->is_reading = wants;
  if (wants) {
    uv_read_start(&c->socket.stream, on_allocate, on_read);
  } else {
    uv_read_stop(&c->socket.stream);
  }
}

// MARK: Output

static void on_written(uv_write_t *request, int status) {
  transport_connection *const c = request->data;
  if (c->is_closing) return;
  c->is_writing = false;
  free(c->unsent);
  c->unsent = NULL;
  c->unsent_length = 0;
  if (status < 0) {
    connection_close(c, TRANSPORT_CLOSE_LOST, uv_strerror(status));
    return;
  }
  transport_session_sent(c->session, now_of(c));
  connection_pump(c);
  loop_flush(c->loop);
}

// Sends what is in the loop's buffer. Returns whether the socket took all of it.
static bool write_out(transport_connection *c) {
  out_buffer *const output = &c->loop->output;
  size_t const length = output->length;
  output->length = 0;
  if (length == 0) return true;
  size_t sent = 0;
  if (c->unsent == NULL) {
    uv_buf_t const buffer = uv_buf_init((char *)output->bytes, (unsigned)length);
    int const result = uv_try_write(&c->socket.stream, &buffer, 1);
    if (result < 0 && result != UV_EAGAIN) {
      connection_close(c, TRANSPORT_CLOSE_LOST, uv_strerror(result));
      return false;
    }
    if (result > 0) {
      sent = (size_t)result;
      if (c->counters != NULL) atomic_fetch_add_explicit(&c->counters->sent, (uint64_t)sent, memory_order_relaxed);
      transport_session_sent(c->session, now_of(c));
    }
    if (sent == length) return true;
  }
  size_t const rest = length - sent;
  // The socket is full: the rest waits in memory of the connection's own.
  uint8_t *const kept = malloc(rest);
  if (kept == NULL) {
    connection_close(c, TRANSPORT_CLOSE_LOST, "out of memory");
    return false;
  }
  memcpy(kept, output->bytes + sent, rest);
  if (c->counters != NULL) atomic_fetch_add_explicit(&c->counters->sent, (uint64_t)rest, memory_order_relaxed);
  c->unsent = kept;
  c->unsent_length = rest;
  c->is_writing = true;
  c->write.data = c;
  uv_buf_t const buffer = uv_buf_init((char *)kept, (unsigned)rest);
  int const result = uv_write(&c->write, &c->socket.stream, &buffer, 1, on_written);
  if (result < 0) connection_close(c, TRANSPORT_CLOSE_LOST, uv_strerror(result));
  return false;
}

static void flush_tls(transport_connection *c) {
  if (c->ssl == NULL || c->loop->output.length == 0) return;
  if (c->is_writing) {
    // TLS answers (an alert, a key update) while the socket is full: rare, and the connection is in no state to go on.
    c->loop->output.length = 0;
    connection_close(c, TRANSPORT_CLOSE_LOST, "the socket is full while TLS must answer");
    return;
  }
  (void)write_out(c);
}

// Fills the loop's buffer. Returns whether the connection may go on.
static bool fill(transport_connection *c) {
  out_buffer *const output = &c->loop->output;
  // TLS adds to each record; its own buffer is filled before.
  if (output_reserve(output, OUTPUT_BYTES + (64 << 10)) != 0) {
    connection_close(c, TRANSPORT_CLOSE_LOST, "out of memory");
    return false;
  }
  if (c->ssl == NULL) {
    while (output->length < OUTPUT_BYTES - (16 << 10)) {
      size_t const length =
          transport_session_send(c->session, output->bytes + output->length, OUTPUT_BYTES - output->length);
      if (length == 0) break;
      output->length += length;
    }
    return true;
  }
  while (output->length < OUTPUT_BYTES - PLAIN_BYTES) {
    size_t const length = transport_session_send(c->session, c->loop->plain, PLAIN_BYTES);
    if (length == 0) break;
    ERR_clear_error();
    if (SSL_write(c->ssl, c->loop->plain, (int)length) != (int)length) {
      output->length = 0;
      connection_close(c, TRANSPORT_CLOSE_LOST, "TLS could not encrypt");
      return false;
    }
  }
  return true;
}

static void on_shutdown(uv_shutdown_t *request, int status) {
  transport_connection *const c = request->data;
  if (status < 0 && !c->is_closing) connection_close(c, TRANSPORT_CLOSE_DONE, NULL);
}

// Everything is said. The peer's last bytes are read and dropped for a moment, so that what we sent is not lost to a reset.
static void linger(transport_connection *c) {
  if (c->is_lingering) return;
  if (!c->is_client) {
    // Streams that are open still belong to a client that went too far: nothing more of theirs goes out.
    charge_streams(c);
    transport_session_cut_streams(c->session, TRANSPORT_CLOSE_LIMIT);
  }
  if (c->ssl != NULL) {
    ERR_clear_error();
    (void)SSL_shutdown(c->ssl);
    (void)write_out(c);
    if (c->is_closing) return;
  }
  c->is_lingering = true;
  c->lingering_ms = now_of(c);
  c->shutdown.data = c;
  if (uv_shutdown(&c->shutdown, &c->socket.stream, on_shutdown) != 0) connection_close(c, TRANSPORT_CLOSE_DONE, NULL);
}

void connection_pump(transport_connection *c) {
  if (c->is_closing || c->is_pumping || !c->is_connected || (c->ssl != NULL && !c->is_secured)) return;
  c->is_pumping = true;
  size_t share = 0;
  while (!c->is_writing && !c->is_lingering) {
    if (!fill(c)) break;
    size_t const length = c->loop->output.length;
    if (length == 0) {
      if (transport_session_has_input(c->session)) {
        (void)transport_session_receive(c->session, NULL, 0, now_of(c));
        continue;
      }
      break;
    }
    if (!write_out(c)) break;
    share += length;
    if (share >= SHARE_BYTES) {
      // The others first. `again` is looked at when the loop wakes, so it is woken.
      if (!c->is_dirty) {
        c->is_dirty = true;
        c->next_dirty = c->loop->again;
        c->loop->again = c;
        uv_async_send(&c->loop->wake);
      }
      break;
    }
  }
  c->is_pumping = false;
  if (c->is_closing) return;
  if (!c->is_writing && !c->is_dirty && transport_session_wants_close(c->session)) {
    linger(c);
    if (c->is_closing) return;
  }
  update_reading(c);
}

// MARK: Time

void connection_tick(transport_connection *c, uint64_t now_ms) {
  if (c->is_closing) return;
  if (c->is_lingering) {
    if (now_ms - c->lingering_ms > LINGER_MS) connection_close(c, TRANSPORT_CLOSE_DONE, NULL);
    return;
  }
  if (!c->is_connected || (c->ssl != NULL && !c->is_secured)) {
    if (now_ms - c->created_ms <= c->handshake_timeout_ms) return;
    count_limit(c->context, c, TRANSPORT_LIMIT_HANDSHAKE_TIMEOUT);
    connection_close(c, TRANSPORT_CLOSE_LIMIT, c->is_connected ? "the TLS handshake took too long" : "connecting took too long");
    return;
  }
  if (transport_session_tick(c->session, now_ms, c->is_writing) != 0) {
    connection_close(c, TRANSPORT_CLOSE_LIMIT, "a limit was reached");
    return;
  }
  if (!c->is_reading) {
    // Who is not read from may have left nevertheless.
    uv_os_fd_t fd = -1;
    if (uv_fileno(&c->socket.handle, &fd) == 0) {
      struct pollfd ask = {.fd = fd};
      if (poll(&ask, 1, 0) > 0 && (ask.revents & (POLLHUP | POLLERR)) != 0) {
        connection_close(c, TRANSPORT_CLOSE_LOST, "the peer closed the connection");
        return;
      }
    }
  }
  connection_mark(c);
}

// MARK: Servers' connections

static void remember_peer(transport_connection *c) {
  if (c->is_unix) return;
  struct sockaddr_storage storage = {0};
  int length = sizeof storage;
  if (uv_tcp_getpeername(&c->socket.tcp, (struct sockaddr *)&storage, &length) != 0) return;
  if (storage.ss_family == AF_INET) {
    const struct sockaddr_in *const address = (const struct sockaddr_in *)&storage;
    uv_ip4_name(address, c->address, sizeof c->address);
    c->port = ntohs(address->sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const struct sockaddr_in6 *const address = (const struct sockaddr_in6 *)&storage;
    uv_ip6_name(address, c->address, sizeof c->address);
    c->port = ntohs(address->sin6_port);
    // An IPv4 client of a socket for both families is an IPv4 client.
    if (strncmp(c->address, "::ffff:", 7) == 0 && strchr(c->address, '.') != NULL) {
      memmove(c->address, c->address + 7, strlen(c->address) - 6);
    }
  }
}

void connection_begin(transport_connection *c) {
  c->is_connected = true;
  if (!c->is_unix) uv_tcp_nodelay(&c->socket.tcp, 1);
  remember_peer(c);
  if (!c->is_client && !c->is_unix && c->counters != NULL) {
    c->peer_key = transport_peers_key(c->address);
    if (transport_peers_owes(c->counters->peers, c->peer_key, c->peer_reset_burst, c->peer_reset_rate, now_of(c))) {
      count_limit(c->context, c, TRANSPORT_LIMIT_PEER_RESETS);
      connection_close(c, TRANSPORT_CLOSE_LIMIT, NULL);
      return;
    }
  }
  if (c->tls != NULL && tls_begin(c) != 0) {
    connection_close(c, TRANSPORT_CLOSE_LOST, "TLS could not begin");
    return;
  }
  c->is_reading = true;
  uv_read_start(&c->socket.stream, on_allocate, on_read);
  if (!c->is_client) {
    c->is_announced = true;
    return;
  }
  if (c->ssl == NULL) {
    announce(c);
  } else {
    (void)handshake(c);
    if (!c->is_closing) flush_tls(c);
  }
  if (!c->is_closing) connection_mark(c);
}

// MARK: Clients' connections

static void on_connect(uv_connect_t *request, int status) {
  transport_connection *const c = request->data;
  transport_loop *const loop = c->loop;
  if (c->is_closing) return;
  if (status < 0) {
    connection_close(c, TRANSPORT_CLOSE_LOST, uv_strerror(status));
  } else {
    connection_begin(c);
  }
  loop_flush(loop);
}

bool transport_connect(transport_loop *loop, const char *address, int port, transport_tls *tls,
                       const transport_limits *limits, const transport_connection_handlers *handlers, void *context,
                       transport_counters *counters) {
  struct sockaddr_storage storage = {0};
  bool const is_unix = port < 0;
  if (!is_unix && uv_ip4_addr(address, port, (struct sockaddr_in *)&storage) != 0 &&
      uv_ip6_addr(address, port, (struct sockaddr_in6 *)&storage) != 0) {
    return false;
  }
  transport_connection *const c = connection_new(loop, true, tls, limits, handlers, context, counters);
  if (c == NULL) return false;
  c->is_unix = is_unix;
  c->connect.data = c;
  snprintf(c->address, sizeof c->address, "%s", address);
  c->port = port;
  int result = 0;
  if (is_unix) {
    uv_pipe_init(&loop->uv, &c->socket.pipe, 0);
    c->socket.handle.data = c;
    uv_pipe_connect(&c->connect, &c->socket.pipe, address, on_connect);
  } else {
    uv_tcp_init(&loop->uv, &c->socket.tcp);
    c->socket.handle.data = c;
    result = uv_tcp_connect(&c->connect, &c->socket.tcp, (const struct sockaddr *)&storage, on_connect);
  }
  if (result != 0) {
    // Told by on_connected, like every other failure.
    connection_close(c, TRANSPORT_CLOSE_LOST, uv_strerror(result));
  }
  return true;
}

void transport_connection_shutdown(transport_connection *c) {
  if (c->is_closing) return;
  transport_session_shutdown(c->session);
  connection_mark(c);
}

void transport_connection_cut(transport_connection *c) { connection_close(c, TRANSPORT_CLOSE_LOCAL, "cut"); }

void transport_connection_flush(transport_connection *c) { connection_mark(c); }

// MARK: What others ask

transport_session *transport_connection_session(transport_connection *c) { return c->session; }

transport_connection *transport_stream_connection(const transport_stream *stream) { return transport_stream_owner(stream); }

void *transport_connection_user(const transport_connection *c) { return c->user; }

void transport_connection_set_user(transport_connection *c, void *user) { c->user = user; }

transport_peer transport_connection_peer(const transport_connection *c) {
  transport_peer peer = {.address = c->address, .port = c->is_unix ? -1 : c->port};
  if (c->ssl != NULL && c->is_secured) {
    peer.version = SSL_get_version(c->ssl);
    peer.cipher = SSL_get_cipher_name(c->ssl);
  }
  return peer;
}

int transport_connection_subject(const transport_connection *c, const char *part, int index, char *destination,
                                 size_t capacity) {
  if (c->ssl == NULL || !c->is_secured) return -1;
  X509 *const certificate = SSL_get0_peer_certificate(c->ssl);
  X509_NAME *const name = certificate == NULL ? NULL : X509_get_subject_name(certificate);
  if (name == NULL) return -1;
  int const nid = OBJ_txt2nid(part);
  int at = -1;
  for (int i = 0; i <= index; i++) {
    at = X509_NAME_get_index_by_NID(name, nid, at);
    if (at < 0) return -1;
  }
  unsigned char *text = NULL;
  int const length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (length < 0) return -1;
  size_t const copied = (size_t)length < capacity ? (size_t)length : capacity;
  memcpy(destination, text, copied);
  OPENSSL_free(text);
  return (int)copied;
}
