// Threads that drive loops and run tasks. Locks are taken in this order: the crew's, a seat's, a loop's.
#define _GNU_SOURCE
#include "crew.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memory.h"

enum {
  // A task that runs longer than one to two of these loses its loop.
  WATCH_NS = 1000000,
  // So often without anything to see before the watch goes to sleep.
  QUIET_TICKS = 10,
  // After so long with tasks the sockets have their turn.
  TASKS_NS = 200000,
  // After so long with tasks others get some of them.
  SHARE_NS = 100000,
  // A task whose thread took less of its core than WATCH_NS / 20 in each of so many looks waits for something.
  BLOCKED_TICKS = 10,
  // Helpers at the same time, where tasks block.
  HELPERS_MAX = 64
};

typedef struct job {
  void *job;
  transport_job_runner run;
} job;

// A ring. Its capacity is a power of two.
typedef struct job_queue {
  job *jobs;
  size_t first;
  size_t count;
  size_t capacity;
} job_queue;

struct crew_seat {
  pthread_mutex_t lock;
  pthread_cond_t ended;
  crew_seat *next;         // of the crew's seats
  crew_seat *next_vacant;
  transport_loop *loop;    // used by the thread in the seat alone
  // Under the lock.
  job_queue queue;
  uint64_t generation;     // one more with each thread that takes the seat
  uint64_t turn;           // tasks begun
  uint64_t seen_turn;      // what the watch saw last
  int references;
  bool runs_tasks;
  bool has_ended;
};

// A thread of the crew. As many helpers run tasks at the same time as there are cores, and as many who drive a loop; one who finds no room passes
// its tasks on. Who loses a loop helps, even if there are too many for a while. Threads whose tasks block do not count.
typedef struct worker {
  struct worker *next;     // of the crew's, under its lock
  clockid_t clock;         // of its CPU time
  uint64_t seen_ns;        // of the watch
  int still_ticks;
  atomic_bool runs_tasks;
  atomic_bool is_blocked;
} worker;

static struct crew {
  pthread_mutex_t lock;
  pthread_cond_t work;
  pthread_cond_t watched;
  crew_seat *seats;
  crew_seat *vacant;       // taken from their threads, waiting for others
  worker *workers;
  job_queue queue;
  atomic_size_t driving;   // threads that run tasks of a loop which is theirs
  atomic_size_t helping;   // others that run tasks
  atomic_size_t blocked;   // of both, those whose tasks wait for something
  uint64_t takeovers;
  size_t helpers;
  size_t idle;             // of them, waiting
  size_t called;           // of those, on their way
  bool has_watch;
  atomic_bool is_watching;
} crew = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .watched = PTHREAD_COND_INITIALIZER};

// The seat of the calling thread, and since when it has been its own.
static _Thread_local crew_seat *own_seat;
static _Thread_local uint64_t own_generation;
static _Thread_local worker own;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// That the process may use, found out once.
static size_t core_count(void) {
  static atomic_size_t known;
  size_t count = atomic_load_explicit(&known, memory_order_relaxed);
  if (count > 0) return count;
  cpu_set_t set;
  int const found = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  count = found < 1 ? 1 : (size_t)found;
  atomic_store_explicit(&known, count, memory_order_relaxed);
  return count;
}

// MARK: Queues

static void push(job_queue *queue, job added) {
  if (queue->count == queue->capacity) {
    size_t const capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
    job *const jobs = malloc(capacity * sizeof *jobs);
    // A task cannot be dropped: like every other allocation of Swift's run-time library that fails.
    if (jobs == NULL) abort();
    for (size_t i = 0; i < queue->count; i++) jobs[i] = queue->jobs[(queue->first + i) & (queue->capacity - 1)];
    free(queue->jobs);
    queue->jobs = jobs;
    queue->first = 0;
    queue->capacity = capacity;
  }
  queue->jobs[(queue->first + queue->count) & (queue->capacity - 1)] = added;
  queue->count += 1;
}

static job pop(job_queue *queue) {
  job const taken = queue->jobs[queue->first];
  queue->first = (queue->first + 1) & (queue->capacity - 1);
  queue->count -= 1;
  return taken;
}

// MARK: Threads

static bool start_thread(const char *name, void *(*body)(void *), void *context) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Signals are the main thread's business.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  bool const result = pthread_create(&thread, &attributes, body, context) == 0;
  if (result) (void)pthread_setname_np(thread, name);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return result;
}

static void *help(void *context);
static void *help_on(void);

// Somebody is to take what waits. Under the crew's lock.
static void call_helper(bool must_come) {
  if (crew.idle > crew.called) {
    crew.called += 1;
    pthread_cond_signal(&crew.work);
    return;
  }
  size_t const most = core_count() + atomic_load(&crew.blocked);
  if (!must_come && (crew.helpers >= HELPERS_MAX || atomic_load(&crew.helping) + crew.called >= most)) return;
  crew.helpers += 1;
  if (!start_thread("crew", help, NULL)) crew.helpers -= 1;
}

// For helpers. Under the crew's lock.
static void enqueue(job added) {
  push(&crew.queue, added);
  call_helper(false);
}

static void enlist(void) {
  if (pthread_getcpuclockid(pthread_self(), &own.clock) != 0) own.clock = CLOCK_MONOTONIC;
  pthread_mutex_lock(&crew.lock);
  own.next = crew.workers;
  crew.workers = &own;
  pthread_mutex_unlock(&crew.lock);
}

// Under the crew's lock.
static void dismiss(void) {
  worker **link = &crew.workers;
  while (*link != &own) link = &(*link)->next;
  *link = own.next;
  if (atomic_exchange(&own.is_blocked, false)) atomic_fetch_sub(&crew.blocked, 1);
}

static void *watch(void *context);

// A thread begins to run tasks: it is watched from now on.
static void begin_watch(void) {
  if (atomic_load(&crew.is_watching)) return;
  pthread_mutex_lock(&crew.lock);
  if (!crew.has_watch) crew.has_watch = start_thread("crew-watch", watch, NULL);
  atomic_store(&crew.is_watching, true);
  pthread_cond_signal(&crew.watched);
  pthread_mutex_unlock(&crew.lock);
}

// One more thread runs tasks, if there is room. It ends that by `end_tasks`.
static bool begin_tasks(atomic_size_t *threads, size_t most) {
  if (atomic_fetch_add(threads, 1) >= most) {
    atomic_fetch_sub(threads, 1);
    return false;
  }
  atomic_store(&own.runs_tasks, true);
  return true;
}

static bool begin_helping(void) { return begin_tasks(&crew.helping, core_count() + atomic_load(&crew.blocked)); }

static bool begin_driving(void) {
  size_t const cores = core_count();
  return atomic_load(&crew.helping) < 2 * cores + atomic_load(&crew.blocked) && begin_tasks(&crew.driving, cores);
}

static void end_tasks(atomic_size_t *threads) {
  atomic_store(&own.runs_tasks, false);
  if (atomic_load(&own.is_blocked) && atomic_exchange(&own.is_blocked, false)) atomic_fetch_sub(&crew.blocked, 1);
  atomic_fetch_sub(threads, 1);
}

// MARK: Seats

static void unreference(crew_seat *seat) {
  pthread_mutex_lock(&seat->lock);
  bool const is_last = --seat->references == 0;
  pthread_mutex_unlock(&seat->lock);
  if (!is_last) return;
  pthread_mutex_destroy(&seat->lock);
  pthread_cond_destroy(&seat->ended);
  free(seat->queue.jobs);
  free(seat);
}

void crew_seat_release(crew_seat *seat) { unreference(seat); }

void crew_seat_wait(crew_seat *seat) {
  pthread_mutex_lock(&seat->lock);
  while (!seat->has_ended) pthread_cond_wait(&seat->ended, &seat->lock);
  pthread_mutex_unlock(&seat->lock);
}

// Gives half of what waits, or all of it, to helpers. By the thread in the seat.
static void share(crew_seat *seat, bool shares_all) {
  pthread_mutex_lock(&crew.lock);
  pthread_mutex_lock(&seat->lock);
  size_t const kept = shares_all ? 0 : seat->queue.count / 2;
  while (seat->generation == own_generation && seat->queue.count > kept) enqueue(pop(&seat->queue));
  pthread_mutex_unlock(&seat->lock);
  pthread_mutex_unlock(&crew.lock);
}

// Runs tasks for a while. False: the seat was taken meanwhile, and the loop with it.
static bool run_tasks(crew_seat *seat) {
  uint64_t const begin = now_ns();
  uint64_t passed = 0;
  for (;;) {
    pthread_mutex_lock(&seat->lock);
    if (seat->generation != own_generation) {
      pthread_mutex_unlock(&seat->lock);
      return false;
    }
    if (seat->queue.count == 0 || passed > TASKS_NS) {
      seat->runs_tasks = false;
      pthread_mutex_unlock(&seat->lock);
      return true;
    }
    job const next = pop(&seat->queue);
    seat->runs_tasks = true;
    seat->turn += 1;
    pthread_mutex_unlock(&seat->lock);
    // Only now: the watch goes to sleep where nobody runs tasks.
    begin_watch();
    next.run(next.job);
    passed = now_ns() - begin;
    if (passed > SHARE_NS && core_count() > 1) share(seat, false);
  }
}

static size_t waiting(crew_seat *seat) {
  pthread_mutex_lock(&seat->lock);
  size_t const count = seat->queue.count;
  pthread_mutex_unlock(&seat->lock);
  return count;
}

// Nobody drives the loop any more. What waits still is for helpers.
static void end_seat(crew_seat *seat) {
  pthread_mutex_lock(&crew.lock);
  crew_seat **link = &crew.seats;
  while (*link != seat) link = &(*link)->next;
  *link = seat->next;
  pthread_mutex_lock(&seat->lock);
  while (seat->queue.count > 0) enqueue(pop(&seat->queue));
  pthread_mutex_unlock(&seat->lock);
  pthread_mutex_unlock(&crew.lock);
  loop_ended(seat->loop);
  pthread_mutex_lock(&seat->lock);
  seat->has_ended = true;
  pthread_cond_broadcast(&seat->ended);
  pthread_mutex_unlock(&seat->lock);
}

// Drives the loop until it ends or the seat is taken. The thread's reference goes with it.
static void drive(crew_seat *seat) {
  transport_loop *const loop = seat->loop;
  pthread_mutex_lock(&seat->lock);
  own_generation = seat->generation;
  pthread_mutex_unlock(&seat->lock);
  own_seat = seat;
  for (;;) {
    loop_take_posted(loop);
    if (!loop_turn(loop, waiting(seat) == 0)) {
      own_seat = NULL;
      end_seat(seat);
      break;
    }
    if (waiting(seat) == 0) continue;
    if (!begin_driving()) {
      share(seat, true);
      continue;
    }
    loop_leave(loop);
    bool const has_seat = run_tasks(seat);
    // Who lost the loop counts as a helper.
    end_tasks(has_seat ? &crew.driving : &crew.helping);
    if (!has_seat) break;
  }
  own_seat = NULL;
  unreference(seat);
}

static void *begin_loop(void *context) {
  enlist();
  drive(context);
  pthread_mutex_lock(&crew.lock);
  crew.helpers += 1;
  return help_on();
}

crew_seat *crew_seat_new(transport_loop *loop) {
  crew_seat *const seat = calloc(1, sizeof *seat);
  if (seat == NULL) return NULL;
  pthread_mutex_init(&seat->lock, NULL);
  pthread_cond_init(&seat->ended, NULL);
  seat->loop = loop;
  seat->references = 2;
  pthread_mutex_lock(&crew.lock);
  seat->next = crew.seats;
  crew.seats = seat;
  bool const has_thread = start_thread("loop", begin_loop, seat);
  if (!has_thread) crew.seats = seat->next;
  pthread_mutex_unlock(&crew.lock);
  if (has_thread) return seat;
  seat->references = 1;
  unreference(seat);
  return NULL;
}

// MARK: Helpers

// Helps as long as there is need for it. The crew's lock is held at first.
static void *help_on(void) {
  size_t const cores = core_count();
  for (;;) {
    if (crew.vacant != NULL) {
      crew_seat *const seat = crew.vacant;
      crew.vacant = seat->next_vacant;
      crew.helpers -= 1;
      pthread_mutex_unlock(&crew.lock);
      drive(seat);
      pthread_mutex_lock(&crew.lock);
      crew.helpers += 1;
    } else if (crew.queue.count > 0 && begin_helping()) {
      while (crew.queue.count > 0 && crew.vacant == NULL) {
        job const next = pop(&crew.queue);
        pthread_mutex_unlock(&crew.lock);
        begin_watch();
        next.run(next.job);
        pthread_mutex_lock(&crew.lock);
        // One that had blocked makes room for others first.
        if (atomic_load(&own.is_blocked)) break;
      }
      end_tasks(&crew.helping);
      // Who drives from now on leaves its place to another.
      if (crew.queue.count > 0 && crew.vacant != NULL) call_helper(false);
    } else if (crew.idle >= cores) {
      break;
    } else {
      crew.idle += 1;
      pthread_cond_wait(&crew.work, &crew.lock);
      crew.idle -= 1;
      if (crew.called > 0) crew.called -= 1;
    }
  }
  crew.helpers -= 1;
  dismiss();
  pthread_mutex_unlock(&crew.lock);
  return NULL;
}

static void *help(void *context) {
  (void)context;
  enlist();
  pthread_mutex_lock(&crew.lock);
  return help_on();
}

void transport_crew_enqueue(void *task, transport_job_runner run) {
  job const added = {task, run};
  crew_seat *const seat = own_seat;
  if (seat != NULL) {
    pthread_mutex_lock(&seat->lock);
    bool const is_own = seat->generation == own_generation;
    if (is_own) push(&seat->queue, added);
    pthread_mutex_unlock(&seat->lock);
    if (is_own) return;
  }
  pthread_mutex_lock(&crew.lock);
  enqueue(added);
  pthread_mutex_unlock(&crew.lock);
  // Threads that block are noticed.
  begin_watch();
}

uint64_t transport_crew_takeovers(void) {
  pthread_mutex_lock(&crew.lock);
  uint64_t const takeovers = crew.takeovers;
  pthread_mutex_unlock(&crew.lock);
  return takeovers;
}

// MARK: The watch

// Threads whose tasks wait for something make room for others. Under the crew's lock, while tasks wait for helpers.
static void look_at_workers(void) {
  for (worker *worker = crew.workers; worker != NULL; worker = worker->next) {
    struct timespec time = {0};
    if (!atomic_load(&worker->runs_tasks) || atomic_load(&worker->is_blocked)) continue;
    if (clock_gettime(worker->clock, &time) != 0) continue;
    uint64_t const now = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    worker->still_ticks = now - worker->seen_ns < WATCH_NS / 20 ? worker->still_ticks + 1 : 0;
    worker->seen_ns = now;
    if (worker->still_ticks < BLOCKED_TICKS) continue;
    worker->still_ticks = 0;
    atomic_store(&worker->is_blocked, true);
    atomic_fetch_add(&crew.blocked, 1);
    call_helper(false);
  }
}

// Whether something is going on. Seats whose thread has been at one task for too long become vacant. Under the crew's lock.
static bool look(void) {
  bool is_busy = false;
  for (crew_seat *seat = crew.seats; seat != NULL; seat = seat->next) {
    pthread_mutex_lock(&seat->lock);
    if (seat->runs_tasks && seat->turn == seat->seen_turn) {
      seat->generation += 1;
      seat->references += 1;
      seat->runs_tasks = false;
      seat->next_vacant = crew.vacant;
      crew.vacant = seat;
      crew.takeovers += 1;
      atomic_fetch_sub(&crew.driving, 1);
      atomic_fetch_add(&crew.helping, 1);
      call_helper(true);
    }
    is_busy = is_busy || seat->runs_tasks || seat->turn != seat->seen_turn;
    seat->seen_turn = seat->turn;
    pthread_mutex_unlock(&seat->lock);
  }
  if (crew.queue.count > 0) look_at_workers();
  return is_busy || crew.queue.count > 0 || crew.vacant != NULL;
}

// Nothing is going on: until something is. With the crew's lock.
static void rest(void) {
  while (!atomic_load(&crew.is_watching)) {
    pthread_mutex_unlock(&crew.lock);
    uint64_t const pause_ms = memory_give_back(now_ns() / 1000000);
    pthread_mutex_lock(&crew.lock);
    if (atomic_load(&crew.is_watching)) return;
    if (pause_ms == 0) {
      pthread_cond_wait(&crew.watched, &crew.lock);
      continue;
    }
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (time_t)(pause_ms / 1000 + 1);
    (void)pthread_cond_timedwait(&crew.watched, &crew.lock, &end);
  }
}

static void *watch(void *context) {
  (void)context;
  struct timespec const tick = {.tv_nsec = WATCH_NS};
  int quiet = 0;
  pthread_mutex_lock(&crew.lock);
  for (;;) {
    if (!atomic_load(&crew.is_watching)) rest();
    pthread_mutex_unlock(&crew.lock);
    nanosleep(&tick, NULL);
    pthread_mutex_lock(&crew.lock);
    quiet = look() ? 0 : quiet + 1;
    if (quiet < QUIET_TICKS) continue;
    // Who begins now either sees that nobody watches, or is seen here.
    atomic_store(&crew.is_watching, false);
    if (look()) atomic_store(&crew.is_watching, true);
    quiet = 0;
  }
  return NULL;
}
