/* The world around a worker that is under test in this thread: a clock that stands still until it is told to go on, a timer that follows this clock, and backends
 * whose connections are socket pairs.
 *
 * Linked into a program, it takes the place of base/clock and of the calls accept4, connect, pipe2, setsockopt, timerfd_create and timerfd_settime, so that nothing in proxy/
 * knows of it: the same input always meets the same world. One worker at a time. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_WORLD_H
#define TEAL_TESTS_FUZZ_EXCHANGE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define WORLD_BACKENDS 4u

/* What becomes of a connection that the worker wants to open. */
enum world_reach {
	WORLD_OPEN,    /* stands at once */
	WORLD_SLOW,    /* is on its way until the far end reads from it (world_let_in) or closes it */
	WORLD_REFUSED, /* ECONNREFUSED */
	WORLD_AWAY,    /* EHOSTUNREACH */
	WORLD_FULL,    /* EAGAIN: the queue of a unix socket is full */
};

/* Called for each connection that was opened: the worker's descriptor, the far end's (the callee's from then on), and which backend was meant. */
typedef void world_on_call(void *arg, unsigned backend, int near, int far, bool slow);

/* The clock at its start, every backend open. */
void world_begin(world_on_call *on_call, void *arg);
/* Closes what was offered and not accepted. */
void world_end(void);

/* A descriptor for the worker's listener (the worker closes it), and a client connection that waits there: the worker's end, and the IPv4 address it comes from (host order). */
int world_listen(void);
void world_offer(int near, uint32_t address);
/* Of the backends whose bits are set: 1 << number. */
void world_set_reach(unsigned backends, enum world_reach reach);
/* The address of backend 0 to 3. */
void world_address(unsigned backend, struct addr *addr);
/* The worker gets no more pipes than this. */
void world_limit_pipes(unsigned most);
/* A slow connection is there from now on. */
void world_let_in(int far);

uint64_t world_now_us(void);
/* Time passes; the worker's timer may fire in its next turn. */
void world_pass_ms(uint64_t ms);

/* *reset becomes true when the worker closes this descriptor of its own by a reset, which a socket pair would not tell. NULL: no longer. */
void world_watch(int near, bool *reset);

#endif
