// What loops need of the crew besides its public header.
#pragma once
#include <pthread.h>
#include <stdbool.h>

#include "include/transport/crew.h"

typedef struct transport_loop transport_loop;

// Where one thread at a time sits and drives a loop. It outlives the loop as long as a thread may come back to it.
typedef struct crew_seat crew_seat;

/// A seat at `loop`, and a thread in it that drives the loop until it ends. NULL: no memory, or no thread to be had.
crew_seat *crew_seat_new(transport_loop *loop);
/// Waits until the loop has ended.
void crew_seat_wait(crew_seat *seat);
/// The owner uses it no more.
void crew_seat_release(crew_seat *seat);

// loop.c, called by the thread in the loop's seat.

/// Takes what was posted.
void loop_take_posted(transport_loop *loop);
/// Lets the sockets have their turn; waits for them if `waits`. False once the loop has nothing left to do.
bool loop_turn(transport_loop *loop, bool waits);
/// The thread runs tasks now and takes what was posted afterwards: nobody needs to wake it.
void loop_leave(transport_loop *loop);
/// After the last turn. The loop may be gone then.
void loop_ended(transport_loop *loop);
