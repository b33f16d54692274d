/* The beginning and the end of what a program or a peer says, and how much was between. Pure. Memory is bounded, whatever comes. */
#ifndef TEAL_BASE_OUTPUT_H
#define TEAL_BASE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#define OUTPUT_HEAD_SIZE 8192u
#define OUTPUT_TAIL_SIZE 8192u

struct output {
	uint64_t total; /* bytes that came */
	char head[OUTPUT_HEAD_SIZE];
	char tail[OUTPUT_TAIL_SIZE]; /* a ring: byte n of what came behind the head is at n % OUTPUT_TAIL_SIZE */
};

/* A zeroed struct is an empty output. */
void output_add(struct output *output, const char *bytes, size_t length);
/* As text, malloc'd: UTF-8 without control bytes but \n and \t, so that it harms neither JSON nor a terminal. What is no UTF-8 is ?; \r is a line's end, with a \n behind it
 * or without; other control bytes, and the escape sequences of terminals (ECMA-48), are left out. Where bytes are missing it says how many on a line of its own. */
char *output_to_text(const struct output *output);
/* As it came, malloc'd, with a NUL behind; OUTPUT_KEPT_SIZE bytes of it are the sign that there may have been more. In one piece, so that it can be wiped. */
#define OUTPUT_KEPT_SIZE (OUTPUT_HEAD_SIZE + OUTPUT_TAIL_SIZE)
char *output_copy(const struct output *output);

#endif
