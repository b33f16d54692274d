/* Time. Monotonic for every deadline and duration, wall clock for what people read. Any thread. */
#ifndef TEAL_BASE_CLOCK_H
#define TEAL_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC, in microseconds and in milliseconds. */
uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);

/* CLOCK_REALTIME in milliseconds since 1970, and in microseconds. */
uint64_t clock_wall_ms(void);
uint64_t clock_wall_us(void);

/* Writes `2026-01-31T12:00:00.123Z` and its NUL. */
#define CLOCK_TEXT_SIZE 32
void clock_format(uint64_t wall_ms, char out[CLOCK_TEXT_SIZE]);

#endif
