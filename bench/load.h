/* What the two programs that are a load (metronome, greeter) have in common. One thread; whatever goes wrong ends the program. */
#ifndef TEAL_BENCH_LOAD_H
#define TEAL_BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_ANSWER_SIZE 8192 /* room for an answer and a NUL */

/* Says why, behind the program's name, and ends it with 1. */
_Noreturn void load_give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Zeroed. */
void *load_allocate(size_t count, size_t size);
uint64_t load_now_ns(void);
/* On loopback. */
struct sockaddr_in load_address(const char *port);

/* The length of a whole answer with Content-Length, whose bytes so far are `length` (behind them is a NUL); 0 while its head is incomplete. Gives up on another status than 200, and when it has no room. */
size_t load_answer_length(const char *answer, size_t length);

/* Says that all is open and warm. */
void load_say_ready(void);
/* Waits for the word to go on, a byte on the standard input; false when that has ended. */
bool load_is_told(void);
/* One JSON object on a line; sorts the latencies. At least one of them. */
void load_report(uint64_t *latencies_ns, size_t count, double took_s);

#endif
