/* Cookies of a request (RFC 6265 section 4.2, read as leniently as servers do): every Cookie line, `;` between pairs, white space around names and values, quotes around a value. Pure. */
#ifndef TEAL_PROXY_COOKIE_H
#define TEAL_PROXY_COOKIE_H

#include <stdbool.h>

#include "proxy/head.h"

struct cookie_walk {
	const struct head *head;
	unsigned field;   /* the next one to look at */
	struct span rest; /* of the present one */
};

void cookie_begin(struct cookie_walk *walk, const struct head *head);
/* The next cookie of this name (with case); without quotes. False when there is none left. */
bool cookie_next(struct cookie_walk *walk, const char *name, size_t name_length, struct span *value);

#endif
