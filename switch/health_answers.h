/* What Route 53's health checks are told, with the policy health_check: GET or HEAD /r53/SERVICE is answered 200 while green is live, 503 while blue is. Control thread, on the loop.
 *
 * This is the one listener of the control thread that strangers reach (health checkers come from many addresses): it answers nothing else, reads no body to speak of, keeps no connection behind its answer, and
 * closes the oldest when there are too many. Nobody who comes here changes anything.
 * Where nobody answers, Route 53 takes green for unhealthy: silence means blue. */
#ifndef TEAL_SWITCH_HEALTH_ANSWERS_H
#define TEAL_SWITCH_HEALTH_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

#define HEALTH_ANSWERS_CONNECTIONS 128u
#define HEALTH_ANSWERS_MS 5000u /* from its arrival a connection is open for so long at most */

struct event_base;
struct health_answers;

enum health_answer { HEALTH_ANSWER_NONE, HEALTH_ANSWER_BLUE, HEALTH_ANSWER_GREEN };

/* `read`: which color of the service is live; none when there is no such service, or it is not one of those that are answered for at `listen` (as the file has it). */
typedef enum health_answer health_answers_read(void *arg, const char *service, const struct addr *listen);
struct health_answers *health_answers_new(struct event_base *loop, health_answers_read *read, void *arg);
/* Closes everything. NULL is allowed. */
void health_answers_free(struct health_answers *answers);

/* Listens at every address that a service of this configuration wants and that is not listened at yet; services may share one. False and a sentence when one can't be had: then those that were opened are closed
 * again. */
bool health_answers_open(struct health_answers *answers, const struct conf *conf, struct err *err);
/* Closes what no service of this configuration wants. */
void health_answers_keep(struct health_answers *answers, const struct conf *conf);
/* Once a second: closes connections whose time is over. */
void health_answers_tick(struct health_answers *answers);

/* How many addresses are listened at, and those, as really bound (port 0 resolved). */
size_t health_answers_count(const struct health_answers *answers);
const struct addr *health_answers_bound(const struct health_answers *answers, size_t i);

#endif
