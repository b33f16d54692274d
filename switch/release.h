/* A release: a version and the backends that run it. Pure; the owner of a struct release finishes it. */
#ifndef TEAL_SWITCH_RELEASE_H
#define TEAL_SWITCH_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "conf/conf.h"

struct release {
	char *version; /* "" when it has none; NULL only before it is filled */
	char **backends;
	size_t count;
};

void release_fini(struct release *release);
/* `into` is overwritten without being read. */
void release_copy(struct release *into, const struct release *from);
void release_read_conf(struct release *into, const struct conf_color *color);
/* Replaces the version alone. */
void release_set_version(struct release *release, const char *version);

/* The same version and the same backends in the same order. */
bool release_equal(const struct release *a, const struct release *b);
/* The same to the quarantine: the version decides, or the backends where neither has one. */
bool release_same(const struct release *a, const struct release *b);

/* {"version", "backends"}; false when the object is not one. */
json_t *release_to_json(const struct release *release);
bool release_read_json(struct release *into, const json_t *object);

#endif
