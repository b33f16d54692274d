/* Help for the flow tests of held services: a stage whose service is held and let go, and a backend that knows in which order it was asked. */
#ifndef TEAL_TESTS_FLOW_HOLDING_H
#define TEAL_TESTS_FLOW_HOLDING_H

#include "tests/flow/actor.h"

#define HOLDING_LONG_MS 60000u /* longer than any test */
#define HOLDING_GET(path) "GET " path " HTTP/1.1\r\nHost: shop.example\r\n\r\n"

/* As the table has it from the next publication on: until_ms, and the shares of a worker. */
extern struct table_hold holding;
extern char holding_answer[200000];

/* A stage that knows of `holding`: not held, 100 requests and 1 MiB a worker, all at once at the end. */
void holding_open(struct stage *stage, unsigned workers, unsigned blue, unsigned green);

/* Published, and seen by every worker. */
void holding_begin(struct stage *stage, uint64_t ms);
void holding_end(struct stage *stage, enum color live);
/* The same with a table that has no service. */
void holding_take_away(struct stage *stage);

/* A connection on which this was said. */
int holding_ask(const struct stage *stage, const char *text);
/* Until so many wait; fails after a while. */
void holding_wait_for(const struct stage *stage, uint64_t waiting);
struct totals_held holding_read(const struct stage *stage);
/* One answer: its status. */
int holding_read_answer(int fd);
/* An answer of this color, 200. */
void holding_assert_answer(int fd, enum color color);
/* Nothing comes for a moment. */
void holding_assert_silence(int fd);
/* A reset, and the end of the client. */
void holding_reset(int fd);

/* One more blue backend: it takes one connection after the other, in the order in which they were made, and answers each one's only request with its place: from 1 on. */
void holding_add_line(struct stage *stage);

#endif
