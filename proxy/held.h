/* The held bytes of a request: its rewritten head and, as long as another attempt is possible, its body. Worker thread. */
#ifndef TEAL_PROXY_HELD_H
#define TEAL_PROXY_HELD_H

#include <stdbool.h>
#include <stddef.h>

struct exchange;

/* Writes the head for the backend from worker->head. False when memory ran out. */
bool held_begin(struct exchange *exchange);
/* Adds body bytes; past EXCHANGE_HELD_BODY_MAX once sending began, or without memory, the request is no longer whole, and false is returned. */
bool held_add(struct exchange *exchange, const char *bytes, size_t length);
void held_free(struct exchange *exchange);

#endif
