/* A worker in this thread with clients and backends around it; what happens to them is told by calls. Test's thread.
 *
 * Nothing is left over from one scene to the next: a worker, its tables and all that belongs to them are made afresh, and their end is part of what is looked at. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_SCENE_H
#define TEAL_TESTS_FUZZ_EXCHANGE_SCENE_H

#include "base/color.h"
#include "proxy/table.h"
#include "proxy/worker.h"
#include "tests/fuzz/exchange/party.h"

#define SCENE_CLIENTS_MAX 24u
#define SCENE_CALLS_MAX 48u /* connections to backends; more are refused */
#define SCENE_BACKENDS 4u   /* two of each color, blue's first */

struct scene_options {
	struct table_globals globals;
	unsigned backends; /* of each color: 1 or 2 */
	uint32_t replay_methods;
	enum table_balance balance;
	bool halves;        /* both colors get requests */
	bool narrow_client; /* sockets that take little at a time */
	bool narrow_backend;
	bool serves;     /* backends answer whole requests by themselves */
	bool announced;  /* clients begin with a PROXY protocol header */
	bool splices;    /* bodies pass through pipes however short they are */
	bool one_pipe;   /* there is but one, and none once it is lost */
	bool fallback;   /* 404s to ORACLE_FALLBACK_PATH are tried on the other color while that is wanted */
	unsigned shield; /* enum table_shield: of the live color's failures, while it is up */
	bool announces;  /* backends hear one: blue ones version 1, green ones version 2 */
	bool veiled;     /* clients speak TLS */
	bool veiled_backends;
};

struct scene {
	struct scene_options options;
	struct worker worker;
	_Atomic(struct table *) newest;
	struct table *tables; /* newest first, by `next` */
	uint64_t generation;
	enum color live;
	bool down[COLOR_COUNT]; /* the backends of a color are down, as probes would say */
	bool alone;             /* the live color gets no help of the other now, though the options have it */
	bool flipped, relented; /* another color was live; the other color did not always help, with everybody within reach */
	uint64_t cold_attempts; /* at the idle color's backends, since nobody may ask them; see scene_publish */
	bool cold;
	uint64_t cut_requests_before, cut_tunnels_before;
	struct table_closing closing;
	struct table_hold hold;
	struct quota *quota;
	struct totals *totals;
	struct table_index *index, *fallback;
	struct backend *backends[SCENE_BACKENDS];
	struct party *clients[SCENE_CLIENTS_MAX], *calls[SCENE_CALLS_MAX];
	unsigned client_count, call_count;
	int progress_fd;
	unsigned marks; /* given out */
};

void scene_open(struct scene *scene, const struct scene_options *options);
/* Everybody leaves, time passes, the worker ends; nothing may be left. `abrupt`: the worker ends first. */
void scene_close(struct scene *scene, bool abrupt);

/* A new client connection; NULL when there were enough. */
struct party *scene_add_client(struct scene *scene);
/* Turns until nothing moves any more, or just one. */
void scene_settle(struct scene *scene);
void scene_turn(struct scene *scene);
/* A table as the options and the fields above say it, from the next turn on. Once it is taken, and the idle color has nothing in flight and helps nobody, nothing may be asked of its
 * backends until the next one. */
void scene_publish(struct scene *scene);
/* What was heard and counted is judged; while all are there still, and nothing moves, what is on its way. */
void scene_judge(const struct scene *scene);
void scene_judge_delivery(const struct scene *scene);
/* A finding from now on shows everything that was said and heard. */
void scene_show_findings(const struct scene *scene);
/* Two characters, other ones each time. */
void scene_mark(struct scene *scene, char mark[2]);

#endif
