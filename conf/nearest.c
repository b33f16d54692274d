/* Suggestions for misspelt and misplaced keys. Any thread. Adds no fault. */
#include "conf/nearest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "conf/keys.h"

static bool is_below(const struct key *key, const char *pattern)
{
	size_t length = strlen(pattern);
	return length > 0 && strncmp(key->path, pattern, length) == 0 && key->path[length] == '.';
}

/* Where a key is, as seen from the present map, the nearest first. */
enum place { BELOW, BELOW_IN_LIST, BESIDE, IN_LIST };

#define DEPTH_MAX 16u /* more than any key has maps above it */

/* How far it is: in the same place, the fewer maps the nearer. Seen from the root a list is but one more map: who writes `tls` there means that of `listen`. */
static unsigned find_distance(const struct key *key, const char *pattern)
{
	bool below = is_below(key, pattern);
	const char *rest = below ? key->path + strlen(pattern) : key->path;
	bool root = *pattern == '\0', in_list = !root && strchr(rest, '[');
	unsigned place = below ? (in_list ? BELOW_IN_LIST : BELOW) : (in_list ? IN_LIST : BESIDE), depth = 0;
	for (const char *at = rest; *at != '\0'; at++)
		depth += *at == '.' || (root && *at == '[');
	return place * DEPTH_MAX + depth;
}

/* The map in which a key of this name is known: below the present map, else beside it. */
static const struct key *find_elsewhere(const char *pattern, const char *name)
{
	size_t count, top = strcspn(pattern, ".");
	const struct key *keys = key_table(&count), *best = NULL;
	unsigned least = UINT_MAX;
	for (size_t i = 0; i < count; i++) {
		const char *dot = strrchr(keys[i].path, '.');
		if (!dot || strcmp(dot + 1, name) != 0 || strncmp(keys[i].path, pattern, top) != 0)
			continue;
		unsigned distance = find_distance(&keys[i], pattern);
		if (distance < least) {
			least = distance;
			best = &keys[i];
		}
	}
	return best;
}

/* The path from the present map on; all of it, with the present service's name, where the key is not below that map. */
static void write_path(const struct key *key, const char *pattern, const char *shown, char *out, size_t size)
{
	static const char service[] = "services.*";
	size_t length = sizeof(service) - 1, brackets = strchr(pattern, '[') ? 2 : 0; /* which are not shown */
	if (is_below(key, pattern))
		snprintf(out, size, "%s", key->path + strlen(pattern) + 1);
	else if (strncmp(pattern, service, length) == 0)
		snprintf(out, size, "%.*s%s", (int)(strlen(shown) + length + brackets - strlen(pattern)), shown, key->path + length);
	else
		snprintf(out, size, "%s", key->path);
}

bool nearest_key(const char *pattern, const char *shown, const char *name, char *out, size_t size)
{
	const char *names[KEY_CHILDREN_MAX + 1];
	key_list_children(pattern, names);
	const char *nearest = key_guess(name, names);
	const struct key *elsewhere = nearest ? NULL : find_elsewhere(pattern, name);
	if (nearest)
		snprintf(out, size, "%s", nearest);
	else if (elsewhere)
		write_path(elsewhere, pattern, shown, out, size);
	return nearest || elsewhere;
}
