/* Looks for what is missing in a map and for what contradicts itself, along the table of keys. Control thread. Looks at no value. */
#include "conf/required.h"

#include <string.h>

#include "conf/keys.h"

static bool is_misspelt(const char *pattern, const struct node *map, const char *name)
{
	const char *names[KEY_CHILDREN_MAX + 1];
	key_list_children(pattern, names);
	for (const struct node *child = map->first; child; child = child->next) {
		const char *nearest = key_guess(child->key, names);
		if (nearest && strcmp(nearest, name) == 0)
			return true;
	}
	return false;
}

bool required_is_there(const char *pattern, const struct node *map, const char *name)
{
	return node_find(map, name) || is_misspelt(pattern, map, name);
}

static void find_missing(const char *pattern, const char *shown, const struct node *map, struct fault_list *faults)
{
	size_t count;
	const struct key *keys = key_table(&count);
	unsigned line = map->key ? map->key_line : map->line, column = map->key ? map->key_column : map->column;
	for (size_t i = 0; i < count; i++) {
		const char *name = keys[i].missing ? key_child(&keys[i], pattern) : NULL;
		if (!name || required_is_there(pattern, map, name) || (keys[i].instead && required_is_there(pattern, map, keys[i].instead)))
			continue;
		fault_add(faults, line, column, "%s%s%s is missing: %s", shown, *shown ? "." : "", name, keys[i].missing);
	}
}

/* Two keys of which there may be only one; told at the later one. */
static void find_contradictions(const char *pattern, const char *shown, const struct node *map, struct fault_list *faults)
{
	size_t count;
	const struct key *keys = key_table(&count);
	for (size_t i = 0; i < count; i++) {
		const char *name = keys[i].missing && keys[i].instead ? key_child(&keys[i], pattern) : NULL;
		const struct node *one = name ? node_find(map, name) : NULL, *other = one ? node_find(map, keys[i].instead) : NULL;
		if (!other)
			continue;
		bool ordered = one->key_line < other->key_line || (one->key_line == other->key_line && one->key_column < other->key_column);
		const struct node *first = ordered ? one : other, *later = ordered ? other : one;
		fault_add(faults, later->key_line, later->key_column, "%s: %s contradicts %s on line %u: keep one", shown, later->key, first->key,
			first->key_line);
	}
}

void required_check(const char *pattern, const char *shown, const struct node *map, struct fault_list *faults)
{
	find_missing(pattern, shown, map, faults);
	find_contradictions(pattern, shown, map, faults);
}
