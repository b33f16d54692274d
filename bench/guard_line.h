/* The lines of the script of requests whose instructions are counted: what is asked, what the backend answers, what is configured. Pure, but for printing. */
#ifndef TEAL_BENCH_GUARD_LINE_H
#define TEAL_BENCH_GUARD_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/proxy.h"

struct guard_line {
	const char *name, *what;
	unsigned requests;   /* 0: as many as most lines have */
	bool browser;        /* a browser's header fields */
	bool closes;         /* each request on a connection of its own */
	bool chunked;        /* the answer */
	size_t request_body; /* bytes; 0: GET */
	size_t answer_body;  /* bytes */
	bool tls;            /* the client's connection */
	bool tls_behind;     /* the backend's */
	unsigned hosts;      /* services, each with a host, asked in turn; 0: one for all hosts */
	enum proxy_access access;
};

/* NULL: no such line. */
const struct guard_line *guard_line_find(const char *name);
/* How often it is asked. */
unsigned guard_line_requests(const struct guard_line *line);
/* Name, how many requests, what it is, with tabs between; a line each. */
void guard_line_print_all(void);

struct guard_text {
	char *at;
	size_t length;
};

struct guard_texts {
	struct guard_text *requests; /* sent in turn */
	unsigned request_count;
	struct guard_text answer;
	const char *request_end, *answer_end; /* what a whole one ends with, and no part of it */
};

/* The bytes of a line. Its memory is given back by guard_line_free_texts. */
void guard_line_write_texts(const struct guard_line *line, struct guard_texts *texts);
void guard_line_free_texts(struct guard_texts *texts);
/* The host of a service by number. */
void guard_line_write_host(char *out, size_t size, unsigned number);

#endif
