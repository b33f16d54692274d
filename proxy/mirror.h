/* Copies of live safe requests, each with the answer that its client got, for a rehearsal of the other color.
 *
 * A mirror has a fixed number of places of a fixed size for each worker. A worker fills a place while it serves an exchange, at the cost of copying bytes that it has in its hands anyway: no lock, no
 * clock, no allocation, no system call, nobody woken. When no place is free the copy is dropped and counted; the exchange never waits. The control thread looks for filled places when it likes. */
#ifndef TEAL_PROXY_MIRROR_H
#define TEAL_PROXY_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/color.h"

struct exchange;
struct mirror;

#define MIRROR_WHOLE 10000u             /* a share is in hundredths of a percent */
#define MIRROR_PLACE_SIZE (64u * 1024u) /* request, answer's fields, and as much of its body as still fits */
#define MIRROR_PLACES_MAX 16u           /* of a worker */

/* ---- control thread ---- */

struct mirror_options {
	unsigned workers, share; /* 1 to MIRROR_WHOLE, of the requests that can be copied; exact for each worker */
	enum color live;         /* requests that go to it are copied */
	size_t bytes;            /* memory for places; each worker has at least one whatever this says */
};

/* Never NULL; one reference is the caller's. Tables hold one for as long as an exchange may fill a place. */
struct mirror *mirror_new(const struct mirror_options *options);
void mirror_hold(struct mirror *mirror);
void mirror_release(struct mirror *mirror);

/* One request and its answer. What the pointers point to belongs to the mirror until mirror_give. */
struct mirror_copy {
	const char *request; /* the head as the backend got it, the empty line included; its method is GET or HEAD, and it has no body */
	size_t request_length;
	unsigned status;
	const char *fields; /* of the answer, as the backend sent them: whole lines with their CRLF, without the empty line */
	size_t fields_length;
	const char *body; /* without transfer coding */
	size_t body_length;
	bool body_cut;                       /* there was more of it */
	uint64_t first_byte_us, duration_us; /* from the request's head on */
	unsigned worker, place;              /* for mirror_give */
};
/* A filled place, none of them twice; false: none is. `copy` needs the mirror's reference, and mirror_give when it is done with. */
bool mirror_take(struct mirror *mirror, struct mirror_copy *copy);
void mirror_give(struct mirror *mirror, const struct mirror_copy *copy);

struct mirror_counts {
	uint64_t sampled; /* by the share */
	uint64_t busy;    /* of them, no place was free */
	uint64_t large;   /* the heads did not fit */
	uint64_t failed;  /* no whole answer of the live color reached the client */
};
void mirror_read(const struct mirror *mirror, struct mirror_counts *counts);

/* ---- worker threads; an exchange that has no place (exchange->copy is NULL) calls neither mirror_add nor mirror_end ---- */

/* The request is about to be sent, and its service has a mirror: takes a place when it is one of the share, and one is free. */
void mirror_begin(struct exchange *exchange);
/* A piece of the final answer is about to be passed on, and not in exchange->bytes_out yet: the first one finds the answer's head in worker->head. `length` may be 0. */
void mirror_add(struct exchange *exchange, const char *bytes, size_t length);
/* The exchange ends: the place is for the control thread, or free again. */
void mirror_end(struct exchange *exchange);

#endif
