// Swift's tasks run by the crew. Swift's run-time library asks a hook, where one is set, what to do with a task that is ready and belongs
// to no executor of its own (`swift_task_enqueueGlobal_hook`, part of its interface since 5.5; docs/decisions/0011-tasks-on-loops.md).
#include <stddef.h>
#include <stdint.h>

#include "include/transport/crew.h"

#define SWIFT __attribute__((swiftcall))

typedef SWIFT void (*enqueue)(void *job);
typedef SWIFT void (*enqueue_hook)(void *job, enqueue original);

// Weak: without them tasks run where Swift runs them.
extern __attribute__((weak)) enqueue_hook swift_task_enqueueGlobal_hook;
extern __attribute__((weak)) SWIFT void swift_job_run(void *job, void *executor_identity, uintptr_t executor_implementation);

// On no executor in particular.
static void run(void *job) { swift_job_run(job, NULL, 0); }

static SWIFT void take(void *job, enqueue original) {
  (void)original;
  transport_crew_enqueue(job, run);
}

bool transport_crew_take_tasks(void) {
  if (&swift_task_enqueueGlobal_hook == NULL || swift_job_run == NULL) return false;
  swift_task_enqueueGlobal_hook = take;
  return true;
}
