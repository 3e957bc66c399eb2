// A loop's thread: what is posted to it, its time, its listeners.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection_state.h"

enum {
  INPUT_BYTES = 256 << 10,
  PLAIN_BYTES = 64 << 10,
  TICK_MS = 250,
  BACKLOG = 1024,
  // So often what was posted is run before the sockets have their turn.
  ROUNDS_MAX = 16
};

// MARK: Posting

bool transport_loop_post(transport_loop *loop, transport_task task, void *context) {
  pthread_mutex_lock(&loop->lock);
  if (loop->posted_count == loop->posted_capacity) {
    size_t const capacity = loop->posted_capacity == 0 ? 64 : loop->posted_capacity * 2;
    posted *const grown = realloc(loop->posted, capacity * sizeof *grown);
    if (grown == NULL) {
      pthread_mutex_unlock(&loop->lock);
      return false;
    }
    loop->posted = grown;
    loop->posted_capacity = capacity;
  }
  loop->posted[loop->posted_count++] = (posted){task, context};
  bool const must_wake = !loop->is_woken && !loop->is_stopping;
  loop->is_woken = true;
  if (must_wake) uv_async_send(&loop->wake);
  pthread_mutex_unlock(&loop->lock);
  return true;
}

// The loop that the calling thread serves now; none while it runs tasks.
static _Thread_local const transport_loop *served;

bool transport_loop_is_current(const transport_loop *loop) { return served == loop; }

static void run_posted(transport_loop *loop) {
  posted *spare = NULL;
  size_t spare_capacity = 0;
  for (int round = 0;; round++) {
    pthread_mutex_lock(&loop->lock);
    if (round == ROUNDS_MAX && loop->posted_count > 0 && !loop->is_stopping) {
      uv_async_send(&loop->wake);
      pthread_mutex_unlock(&loop->lock);
      break;
    }
    posted *const tasks = loop->posted;
    size_t const count = loop->posted_count;
    size_t const capacity = loop->posted_capacity;
    if (count == 0) {
      loop->is_woken = false;
      if (loop->posted == NULL) {
        loop->posted = spare;
        loop->posted_capacity = spare_capacity;
        spare = NULL;
      }
      pthread_mutex_unlock(&loop->lock);
      break;
    }
    // The two buffers take turns.
    loop->posted = spare;
    loop->posted_capacity = spare_capacity;
    loop->posted_count = 0;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < count; i++) tasks[i].task(tasks[i].context);
    spare = tasks;
    spare_capacity = capacity;
    loop_flush(loop);
  }
  free(spare);
}

void loop_flush(transport_loop *loop) {
  while (loop->dirty != NULL) {
    transport_connection *const connection = loop->dirty;
    loop->dirty = connection->next_dirty;
    connection->is_dirty = false;
    connection_pump(connection);
  }
}

static void on_prepare(uv_prepare_t *prepare) {
  transport_loop *const loop = prepare->data;
  loop->turn += 1;
}

static void on_wake(uv_async_t *async) {
  transport_loop *const loop = async->data;
  transport_connection *again = loop->again;
  loop->again = NULL;
  while (again != NULL) {
    transport_connection *const next = again->next_dirty;
    again->is_dirty = false;
    connection_mark(again);
    again = next;
  }
  run_posted(loop);
  loop_flush(loop);
}

// MARK: Time

static void on_tick(uv_timer_t *timer) {
  transport_loop *const loop = timer->data;
  uint64_t const now = uv_now(&loop->uv);
  for (transport_connection *connection = loop->connections, *next; connection != NULL; connection = next) {
    next = connection->next;
    connection_tick(connection, now);
  }
  loop_flush(loop);
  // Without connections nothing happens, and nobody is woken for it.
  if (loop->connections == NULL) {
    uv_timer_stop(timer);
    loop->is_timing = false;
  }
}

void loop_start_timer(transport_loop *loop) {
  if (loop->is_timing) return;
  loop->is_timing = true;
  uv_timer_start(&loop->timer, on_tick, TICK_MS, TICK_MS);
}

// MARK: Begin and end

// After the thread's work: nobody uses the loop any more.
static void finish(transport_loop *loop) {
  uv_loop_close(&loop->uv);
  // What was posted after the end still frees what it holds.
  for (size_t i = 0; i < loop->posted_count; i++) loop->posted[i].task(loop->posted[i].context);
  free(loop->posted);
  pthread_mutex_destroy(&loop->lock);
  timers_free(loop);
  free(loop->input);
  free(loop->plain);
  free(loop->output.bytes);
  crew_seat_release(loop->seat);
  free(loop);
}

void loop_take_posted(transport_loop *loop) {
  served = loop;
  uv_update_time(&loop->uv);
  run_posted(loop);
  loop_flush(loop);
  served = NULL;
}

bool loop_turn(transport_loop *loop, bool waits) {
  served = loop;
  bool const goes_on = uv_run(&loop->uv, waits ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
  served = NULL;
  return goes_on;
}

void loop_leave(transport_loop *loop) {
  pthread_mutex_lock(&loop->lock);
  loop->is_woken = true;
  pthread_mutex_unlock(&loop->lock);
}

void loop_ended(transport_loop *loop) {
  if (loop->frees_itself) finish(loop);
}

transport_loop *transport_loop_new(void) {
  transport_loop *const loop = calloc(1, sizeof *loop);
  if (loop == NULL) return NULL;
  // A peer that closed is told by an error, not by a signal.
  signal(SIGPIPE, SIG_IGN);
  loop->input = malloc(INPUT_BYTES);
  loop->plain = malloc(PLAIN_BYTES);
  if (loop->input == NULL || loop->plain == NULL || uv_loop_init(&loop->uv) != 0) {
    free(loop->input);
    free(loop->plain);
    free(loop);
    return NULL;
  }
  pthread_mutex_init(&loop->lock, NULL);
  uv_async_init(&loop->uv, &loop->wake, on_wake);
  uv_timer_init(&loop->uv, &loop->timer);
  uv_prepare_init(&loop->uv, &loop->prepare);
  loop->wake.data = loop->timer.data = loop->prepare.data = loop;
  uv_prepare_start(&loop->prepare, on_prepare);
  timers_begin(loop);
  // The thread that begins here finds its loop's seat only later: nobody else asks for it before the call returns.
  loop->seat = crew_seat_new(loop);
  if (loop->seat == NULL) {
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    timers_end(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    free(loop->input);
    free(loop->plain);
    free(loop);
    return NULL;
  }
  return loop;
}

static void cut(transport_loop *loop, bool cuts_all, const void *context) {
  for (transport_connection *connection = loop->connections, *next; connection != NULL; connection = next) {
    next = connection->next;
    if (cuts_all || connection->context == context) connection_close(connection, TRANSPORT_CLOSE_SHUTDOWN, "shut down");
  }
}

static void stop(void *context) {
  transport_loop *const loop = context;
  pthread_mutex_lock(&loop->lock);
  loop->is_stopping = true;
  pthread_mutex_unlock(&loop->lock);
  while (loop->listeners != NULL) transport_listener_close(loop->listeners);
  cut(loop, true, NULL);
  uv_close((uv_handle_t *)&loop->timer, NULL);
  uv_close((uv_handle_t *)&loop->prepare, NULL);
  timers_end(loop);
  uv_close((uv_handle_t *)&loop->wake, NULL);
}

void transport_loop_stop(transport_loop *loop) {
  if (loop == NULL) return;
  if (transport_loop_is_current(loop)) {
    // A thread cannot wait for its own end.
    loop->frees_itself = true;
    stop(loop);
    return;
  }
  transport_loop_post(loop, stop, loop);
  crew_seat_wait(loop->seat);
  finish(loop);
}

void transport_loop_shutdown_connections(transport_loop *loop, const void *context) {
  for (transport_connection *connection = loop->connections, *next; connection != NULL; connection = next) {
    next = connection->next;
    if (connection->is_closing || connection->context != context) continue;
    transport_session_shutdown(connection->session);
    connection_mark(connection);
  }
  loop_flush(loop);
}

void transport_loop_cut_connections(transport_loop *loop, const void *context) { cut(loop, false, context); }


// MARK: Listeners

static bool admit(transport_listener *listener) {
  transport_counters *const counters = listener->counters;
  uint64_t const open = atomic_fetch_add_explicit(&counters->open, 1, memory_order_relaxed);
  if (listener->limits.connections == 0 || open < listener->limits.connections) return true;
  atomic_fetch_sub_explicit(&counters->open, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&counters->limits[TRANSPORT_LIMIT_CONNECTIONS], 1, memory_order_relaxed);
  return false;
}

static void on_close_refused(uv_handle_t *handle) { free(handle); }

// Over the limit: accepted and closed, so that the client knows at once.
static void refuse(transport_listener *listener) {
  socket_handle *const handle = calloc(1, sizeof *handle);
  if (handle == NULL) return;
  if (listener->is_unix) {
    uv_pipe_init(&listener->loop->uv, &handle->pipe, 0);
  } else {
    uv_tcp_init(&listener->loop->uv, &handle->tcp);
  }
  (void)uv_accept(&listener->socket.stream, &handle->stream);
  uv_close(&handle->handle, on_close_refused);
}

static void on_connection(uv_stream_t *stream, int status) {
  transport_listener *const listener = stream->data;
  if (status != 0) return;
  if (!admit(listener)) {
    refuse(listener);
    return;
  }
  atomic_fetch_add_explicit(&listener->counters->accepted, 1, memory_order_relaxed);
  transport_connection *const connection =
      connection_new(listener->loop, false, listener->tls, &listener->limits, &listener->handlers, listener->context,
                     listener->counters);
  if (connection == NULL) {
    atomic_fetch_sub_explicit(&listener->counters->open, 1, memory_order_relaxed);
    refuse(listener);
    return;
  }
  connection->is_unix = listener->is_unix;
  if (listener->is_unix) {
    uv_pipe_init(&listener->loop->uv, &connection->socket.pipe, 0);
  } else {
    uv_tcp_init(&listener->loop->uv, &connection->socket.tcp);
  }
  connection->socket.handle.data = connection;
  connection->open_handles = 1;
  if (uv_accept(stream, &connection->socket.stream) != 0) {
    connection_close(connection, TRANSPORT_CLOSE_LOST, "accepting failed");
    return;
  }
  connection_begin(connection);
  loop_flush(listener->loop);
}

transport_listener *transport_listen(transport_loop *loop, int fd, bool is_unix, transport_tls *tls,
                                     const transport_limits *limits, const transport_connection_handlers *handlers,
                                     void *context, transport_counters *counters) {
  transport_listener *const listener = calloc(1, sizeof *listener);
  if (listener == NULL) return NULL;
  listener->loop = loop;
  listener->tls = transport_tls_retain(tls);
  listener->limits = *limits;
  listener->handlers = *handlers;
  listener->context = context;
  listener->counters = counters;
  listener->is_unix = is_unix;
  int result;
  if (is_unix) {
    uv_pipe_init(&loop->uv, &listener->socket.pipe, 0);
    result = uv_pipe_open(&listener->socket.pipe, fd);
  } else {
    uv_tcp_init(&loop->uv, &listener->socket.tcp);
    result = uv_tcp_open(&listener->socket.tcp, fd);
  }
  listener->socket.handle.data = listener;
  listener->next = loop->listeners;
  loop->listeners = listener;
  if (result == 0) result = uv_listen(&listener->socket.stream, BACKLOG, on_connection);
  if (result != 0) {
    transport_listener_close(listener);
    return NULL;
  }
  return listener;
}

static void on_listener_closed(uv_handle_t *handle) {
  transport_listener *const listener = handle->data;
  transport_tls_release(listener->tls);
  free(listener);
}

void transport_listener_close(transport_listener *listener) {
  if (listener->is_closing) return;
  listener->is_closing = true;
  transport_listener **link = &listener->loop->listeners;
  while (*link != NULL && *link != listener) link = &(*link)->next;
  if (*link != NULL) *link = listener->next;
  uv_close(&listener->socket.handle, on_listener_closed);
}

// MARK: Counters

transport_counters *transport_counters_new(void) {
  transport_counters *const counters = calloc(1, sizeof *counters);
  if (counters == NULL) return NULL;
  counters->peers = transport_peers_new();
  if (counters->peers != NULL) return counters;
  free(counters);
  return NULL;
}

void transport_counters_free(transport_counters *counters) {
  if (counters == NULL) return;
  transport_peers_free(counters->peers);
  free(counters);
}

static uint64_t load(const atomic_ullong *value) { return atomic_load_explicit(value, memory_order_relaxed); }

uint64_t transport_counters_open(const transport_counters *counters) { return load(&counters->open); }
uint64_t transport_counters_accepted(const transport_counters *counters) { return load(&counters->accepted); }
uint64_t transport_counters_tls_failures(const transport_counters *counters) { return load(&counters->tls_failures); }
uint64_t transport_counters_received(const transport_counters *counters) { return load(&counters->received); }
uint64_t transport_counters_sent(const transport_counters *counters) { return load(&counters->sent); }
uint64_t transport_counters_limit(const transport_counters *counters, transport_limit limit) {
  return (unsigned)limit < TRANSPORT_LIMIT_COUNT ? load(&counters->limits[limit]) : 0;
}
