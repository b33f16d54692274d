/* Probing a service's backends once, from the configuration alone, for `teal probe` without a daemon. */
#ifndef TEAL_CLI_DIRECT_H
#define TEAL_CLI_DIRECT_H

#include <stdbool.h>
#include <jansson.h>

#include "base/color.h"
#include "base/err.h"
#include "conf/conf.h"

/* Probes every backend of the colors asked for, all at once, on a loop of its own, and returns when each has its result. The document has the shape
 * of the admin API's answer to POST …/probe; the caller's. NULL and a sentence when the loop, the resolver or a file of TLS can't be had. */
json_t *direct_probe(const struct conf_service *service, const bool colors[COLOR_COUNT], struct err *err);

#endif
