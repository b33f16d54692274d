/* One line of access log per exchange, formatted into the worker's ring; the log writer's thread does the rest. Worker thread. */
#ifndef TEAL_PROXY_ACCESS_H
#define TEAL_PROXY_ACCESS_H

struct exchange;

/* Writes the line of an exchange that is about to end, or drops and counts it when the ring is full. */
void access_write(struct exchange *exchange);

#endif
