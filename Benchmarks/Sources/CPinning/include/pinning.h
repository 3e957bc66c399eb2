// Keeping a process on one core: Swift does not see glibc's calls for it, which need _GNU_SOURCE.
#ifndef BENCH_PINNING_H
#define BENCH_PINNING_H

/// Keeps the calling thread on the last core it may run on. Returns that core's number, or -1 where it cannot be done.
int bench_pin_to_last_core(void);

/// Lets the calling thread run on all cores that it might run on before.
void bench_unpin(void);

#endif
