// Who runs tasks: the threads that drive event loops, and helpers.
//
// What becomes ready while a thread drives a loop waits in the loop's own queue, and the same thread runs it before it asks the
// sockets again: no other thread is woken, and what tasks post to the loop goes out together. A task that takes its time delays
// nobody for long: after one or two milliseconds another thread takes the loop over, with all that waits.
//
//   sockets ─▶ loop ─▶ queue ─▶ tasks ─▶ posted to the loop ─▶ sockets        one thread
//                        │ tasks that take long
//                        ▼
//                 the crew's queue ─▶ helpers                                 as many as there are cores
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef void (*transport_job_runner)(void *job);

/// Has `run(job)` called once, soon: by the thread that drives the caller's loop where the caller runs on one, else by a helper. From any
/// thread.
void transport_crew_enqueue(void *job, transport_job_runner run);

/// How often a loop was taken over from a thread whose task took long, of all loops of the process.
uint64_t transport_crew_takeovers(void);

/// From now on the crew runs Swift's tasks that have no executor of their own, of the whole process. Returns false, and changes nothing,
/// where the run-time library knows no such thing.
bool transport_crew_take_tasks(void);
