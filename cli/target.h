/* The words SERVICE and COLOR of a command line. No service is called blue or green, so each word says by itself what it is. Pure. */
#ifndef TEAL_CLI_TARGET_H
#define TEAL_CLI_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/color.h"
#include "base/err.h"

enum target_words { TARGET_NOTHING, TARGET_SERVICE, TARGET_SERVICE_COLOR };

struct target {
	const char *service; /* NULL: not named */
	bool has_color;
	enum color color;
};

/* False with a sentence when there is a word too many. */
bool target_read(const char *const *words, size_t count, enum target_words wanted, struct target *target, struct err *err);

/* The one service that is meant when none was named: the only one of `names` (NULL at the end), or false with a sentence that lists them. */
bool target_choose(const char *const *names, const char **service, struct err *err);
/* The sentence for a service that is not there. */
void target_unknown(const char *service, const char *const *names, struct err *err);

#endif
