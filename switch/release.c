/* A release: a version and its backends. Pure; knows nothing of health or traffic. */
#include "switch/release.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/wire.h"

void release_fini(struct release *release)
{
	for (size_t i = 0; i < release->count; i++)
		free(release->backends[i]);
	free(release->backends);
	free(release->version);
	*release = (struct release){0};
}

void release_copy(struct release *into, const struct release *from)
{
	into->version = memory_text(from->version ? from->version : "");
	into->count = from->count;
	into->backends = memory_array(from->count, sizeof(*into->backends));
	for (size_t i = 0; i < from->count; i++)
		into->backends[i] = memory_text(from->backends[i]);
}

void release_read_conf(struct release *into, const struct conf_color *color)
{
	into->version = memory_text(color->version ? color->version : "");
	into->count = color->backend_count;
	into->backends = memory_array(color->backend_count, sizeof(*into->backends));
	for (size_t i = 0; i < color->backend_count; i++)
		into->backends[i] = memory_text(color->backends[i].text);
}

void release_set_version(struct release *release, const char *version)
{
	char *copy = memory_text(version);
	free(release->version);
	release->version = copy;
}

static bool same_backends(const struct release *a, const struct release *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->backends[i], b->backends[i]) != 0)
			return false;
	return true;
}

bool release_equal(const struct release *a, const struct release *b)
{
	return strcmp(a->version, b->version) == 0 && same_backends(a, b);
}

bool release_same(const struct release *a, const struct release *b)
{
	if (strcmp(a->version, b->version) != 0)
		return false;
	return a->version[0] != '\0' || same_backends(a, b);
}

json_t *release_to_json(const struct release *release)
{
	json_t *object = json_object();
	json_object_set_new(object, "version", wire_text(release->version));
	json_object_set_new(object, "backends", wire_texts(release->backends, release->count));
	return object;
}

bool release_read_json(struct release *into, const json_t *object)
{
	const json_t *backends = json_object_get(object, "backends");
	const char *version = wire_read_text(object, "version");
	size_t count = json_array_size(backends);
	if (!json_is_array(backends))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!json_is_string(json_array_get(backends, i)))
			return false;
	into->version = memory_text(version ? version : "");
	into->count = count;
	into->backends = memory_array(count, sizeof(*into->backends));
	for (size_t i = 0; i < count; i++)
		into->backends[i] = memory_text(json_string_value(json_array_get(backends, i)));
	return true;
}
