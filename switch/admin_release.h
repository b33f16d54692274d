/* Backends and a version out of a request's body. Control thread. */
#ifndef TEAL_SWITCH_ADMIN_RELEASE_H
#define TEAL_SWITCH_ADMIN_RELEASE_H

#include "switch/ask.h"
#include "switch/release.h"

/* Reads "backends" (at least `least`, no two alike, each an address, and one that certificates can be for where `tls` verifies) and "version". False: it was refused, and the ask is gone. */
bool admin_release_read(struct ask *ask, size_t least, const struct conf_backend_tls *tls, struct release *release);

#endif
