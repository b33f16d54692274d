/* Which service a host and a path belong to. Built on the control thread, read by workers. Does not decode or normalise paths, and checks no grammar.
 *
 * Hosts are in one hash table: `shop.example` as it is, `*.shop.example` as `.shop.example`, so that a wildcard is found by looking up what follows
 * each dot, the longest first. Each host has its paths in an order in which everything below a path stands directly behind it; the longest prefix of a path is
 * then the entry before its place, or one of that entry's parents. */
#include "proxy/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define HOST_MAX 255 /* bytes of a name; a longer one matches no rule that names a host */

struct rule {
	char *path; /* without the last '/': "" is every path */
	size_t length;
	int parent;   /* the next shorter prefix in the array, or -1 */
	int position; /* of the entry */
};

struct group {
	char *host; /* NULL: an empty place of the hash table */
	size_t length;
	struct rule *rules;
	int count;
};

struct table_index {
	unsigned references;
	size_t hosts; /* named by entries */
	size_t mask;
	struct group *groups; /* mask + 1 */
	struct group any;     /* rules of entries without hosts */
};

/* ---- hosts ---- */

/* The bytes of a name that is not in brackets, without its port. Two colons make it an IPv6 address, as a rule may have it. */
static size_t cut_port(const char *host, size_t length)
{
	const char *colon = memchr(host, ':', length);
	if (!colon || memchr(colon + 1, ':', length - (size_t)(colon - host) - 1))
		return length;
	return (size_t)(colon - host);
}

static size_t cut_brackets(const char **host, size_t length)
{
	const char *close = memchr(*host, ']', length);
	if (!close)
		return length;
	*host += 1;
	return (size_t)(close - *host);
}

/* The name alone: no port, no brackets, no last dot, lower case. Returns its length; 0 when it is longer than any rule's. */
static size_t normalise_host(const char *host, size_t length, char out[HOST_MAX])
{
	if (length > 0)
		length = host[0] == '[' ? cut_brackets(&host, length) : cut_port(host, length);
	if (length > 0 && host[length - 1] == '.')
		length--;
	if (length > HOST_MAX)
		return 0;
	for (size_t i = 0; i < length; i++)
		out[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 0x20) : host[i];
	return length;
}

/* The place of a host in the hash table: its group, or the empty one where it would go. */
static struct group *find_place(const struct table_index *index, const char *host, size_t length)
{
	size_t at = (size_t)text_hash(host, length, TEXT_HASH_SEED) & index->mask;
	while (index->groups[at].host && (index->groups[at].length != length || memcmp(index->groups[at].host, host, length) != 0))
		at = (at + 1) & index->mask;
	return &index->groups[at];
}

static const struct group *find_wildcard(const struct table_index *index, const char *host, size_t length)
{
	for (size_t at = 1; at < length; at++) {
		if (host[at] != '.')
			continue;
		const struct group *group = find_place(index, host + at, length - at);
		if (group->host)
			return group;
	}
	return &index->any;
}

static inline __attribute__((always_inline)) const struct group *find_group(const struct table_index *index, const char *host, size_t host_length)
{
	char name[HOST_MAX];
	size_t length = index->hosts > 0 ? normalise_host(host, host_length, name) : 0;
	if (length == 0)
		return &index->any;
	const struct group *exact = name[0] == '.' ? NULL : find_place(index, name, length);
	return exact && exact->host ? exact : find_wildcard(index, name, length);
}

/* ---- paths ---- */

/* Bytes in order, but '/' before all others. */
static int compare_paths(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t shorter = a_length < b_length ? a_length : b_length, at = 0;
	while (at < shorter && a[at] == b[at])
		at++;
	if (at == shorter)
		return a_length < b_length ? -1 : a_length > b_length;
	if (a[at] == '/' || b[at] == '/')
		return a[at] == '/' ? -1 : 1;
	return (unsigned char)a[at] < (unsigned char)b[at] ? -1 : 1;
}

static bool is_prefix(const struct rule *rule, const char *path, size_t length)
{
	if (rule->length == 0)
		return true;
	return rule->length <= length && memcmp(rule->path, path, rule->length) == 0 && (rule->length == length || path[rule->length] == '/');
}

static size_t cut_path(const char *path, size_t length)
{
	size_t at = 0;
	while (at < length && path[at] != '?' && path[at] != '#')
		at++;
	return at;
}

/* The last rule that is not behind the path, or -1. */
static int find_before(const struct group *group, const char *path, size_t length)
{
	int low = 0, high = group->count;
	while (low < high) {
		int middle = low + (high - low) / 2;
		const struct rule *rule = &group->rules[middle];
		if (compare_paths(rule->path, rule->length, path, length) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static int find_rule(const struct group *group, const char *path, size_t length)
{
	int at = find_before(group, path, length);
	while (at >= 0 && !is_prefix(&group->rules[at], path, length))
		at = group->rules[at].parent;
	return at;
}

bool table_index_has_host(const struct table_index *index, const char *host, size_t host_length)
{
	return find_group(index, host, host_length)->count > 0;
}

int table_index_find(const struct table_index *index, const char *host, size_t host_length, const char *path, size_t path_length)
{
	const struct group *group = find_group(index, host, host_length);
	int at = find_rule(group, path, cut_path(path, path_length));
	return at < 0 ? -1 : group->rules[at].position;
}

/* ---- building ---- */

static struct group *take_group(struct table_index *index, const char *host)
{
	char name[HOST_MAX];
	bool wildcard = host[0] == '*' && host[1] == '.';
	if (wildcard)
		host++;
	size_t length = normalise_host(host, strlen(host), name);
	assert(length > (wildcard ? 1 : 0));
	struct group *group = find_place(index, name, length);
	if (!group->host) {
		group->host = memory_text_cut(name, length);
		group->length = length;
	}
	return group;
}

static void add_rule(struct group *group, const char *path, int position)
{
	size_t length = strlen(path);
	while (length > 0 && path[length - 1] == '/')
		length--;
	group->rules = memory_grow(group->rules, (size_t)group->count + 1, sizeof(*group->rules));
	group->rules[group->count++] = (struct rule){memory_text_cut(path, length), length, -1, position};
}

static void add_rules(struct group *group, const struct table_index_entry *entry, int position)
{
	if (entry->path_count == 0)
		add_rule(group, "/", position);
	for (size_t i = 0; i < entry->path_count; i++)
		add_rule(group, entry->paths[i], position);
}

static int compare_rules(const void *left, const void *right)
{
	const struct rule *a = left, *b = right;
	int order = compare_paths(a->path, a->length, b->path, b->length);
	return order != 0 ? order : (a->position > b->position) - (a->position < b->position);
}

/* Of rules with the same path the first entry's stays. */
static void drop_doubles(struct group *group)
{
	int kept = 0;
	for (int i = 0; i < group->count; i++) {
		struct rule *rule = &group->rules[i];
		if (kept > 0 && strcmp(group->rules[kept - 1].path, rule->path) == 0)
			free(rule->path);
		else
			group->rules[kept++] = *rule;
	}
	group->count = kept;
}

static void order_rules(struct group *group)
{
	if (group->count == 0)
		return;
	qsort(group->rules, (size_t)group->count, sizeof(*group->rules), compare_rules);
	drop_doubles(group);
	for (int i = 1; i < group->count; i++) {
		struct rule *rule = &group->rules[i];
		int parent = i - 1;
		while (parent >= 0 && !is_prefix(&group->rules[parent], rule->path, rule->length))
			parent = group->rules[parent].parent;
		rule->parent = parent;
	}
}

struct table_index *table_index_new(const struct table_index_entry *entries, size_t count)
{
	size_t hosts = 0, places = 4;
	for (size_t i = 0; i < count; i++)
		hosts += entries[i].host_count;
	while (places < hosts * 2)
		places *= 2;
	struct table_index *index = memory_new(sizeof(*index));
	index->references = 1;
	index->hosts = hosts;
	index->mask = places - 1;
	index->groups = memory_array(places, sizeof(*index->groups));
	for (size_t i = 0; i < count; i++) {
		if (entries[i].host_count == 0)
			add_rules(&index->any, &entries[i], (int)i);
		for (size_t j = 0; j < entries[i].host_count; j++)
			add_rules(take_group(index, entries[i].hosts[j]), &entries[i], (int)i);
	}
	for (size_t i = 0; i < places; i++)
		order_rules(&index->groups[i]);
	order_rules(&index->any);
	return index;
}

void table_index_hold(struct table_index *index)
{
	assert(index->references > 0);
	index->references++;
}

static void free_group(struct group *group)
{
	for (int i = 0; i < group->count; i++)
		free(group->rules[i].path);
	free(group->rules);
	free(group->host);
}

void table_index_release(struct table_index *index)
{
	assert(index->references > 0);
	if (--index->references > 0)
		return;
	for (size_t i = 0; i <= index->mask; i++)
		free_group(&index->groups[i]);
	free_group(&index->any);
	free(index->groups);
	free(index);
}
