/* A small HTTP backend in a child process, for `teal demo`: one release of the demo's shop. */
#ifndef TEAL_CLI_DEMO_BACKEND_H
#define TEAL_CLI_DEMO_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/color.h"
#include "base/err.h"

struct demo_backend {
	enum color color;
	const char *version;
	unsigned breaks_after; /* answers after which everything is a 500, the probe too; 0: never */
	pid_t pid;
	uint16_t port;
};

/* Binds a free loopback port and starts the child, which answers every request with `X-Color`, `X-Version` and the request's `X-Id`, after 4 ms
 * (every fortieth after 400 ms, so that something is in flight at a switch). The child ends with its parent. Fills pid and port. */
bool demo_backend_start(struct demo_backend *backend, struct err *err);

/* Makes the calling child end when its parent does, takes it out of the terminal's Ctrl-C, and gives signals their usual effect again. */
void demo_backend_detach(pid_t parent);

#endif
