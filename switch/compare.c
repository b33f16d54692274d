/* Two answers to one request: what differs. Pure. Counts nothing and keeps nothing: that is switch/comparison. */
#include "switch/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <jansson.h>

#include "base/memory.h"
#include "base/text.h"

#define PATH_SIZE 1024u
#define DEPTH_MAX 64u

/* ---- the rules ---- */

static char **copy_texts(char *const *texts, size_t count)
{
	char **copies = memory_array(count, sizeof(*copies));
	for (size_t i = 0; i < count; i++)
		copies[i] = memory_text(texts[i]);
	return copies;
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void compare_rules_init(struct compare_rules *rules, char *const *fields, size_t field_count, char *const *ignore, size_t ignore_count)
{
	rules->fields = memory_array(field_count + 1, sizeof(*rules->fields));
	rules->fields[0] = memory_text("content-type");
	rules->field_count = 1;
	for (size_t i = 0; i < field_count; i++)
		if (strcasecmp(fields[i], "content-type") != 0)
			rules->fields[rules->field_count++] = memory_text(fields[i]);
	rules->ignore = copy_texts(ignore, ignore_count);
	rules->ignore_count = ignore_count;
}

void compare_rules_fini(struct compare_rules *rules)
{
	free_texts(rules->fields, rules->field_count);
	free_texts(rules->ignore, rules->ignore_count);
	*rules = (struct compare_rules){0};
}

const char *compare_kind_name(enum compare_kind kind)
{
	static const char *const names[] = {
		[COMPARE_NO_ANSWER] = "no_answer",
		[COMPARE_STATUS] = "status",
		[COMPARE_FIELD] = "field",
		[COMPARE_JSON] = "json",
		[COMPARE_BODY] = "body",
	};
	return names[kind];
}

/* ---- what was found ---- */

static bool is_known(const struct compare_differences *found, enum compare_kind kind, const char *where)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->list[i].kind == kind && strcmp(found->list[i].where, where) == 0)
			return true;
	return false;
}

/* Where its values go; NULL when it is known already, or when there are too many. */
static struct compare_difference *add(struct compare_differences *found, enum compare_kind kind, const char *where)
{
	char cut[COMPARE_WHERE_SIZE];
	snprintf(cut, sizeof(cut), "%s", where);
	if (is_known(found, kind, cut))
		return NULL;
	if (found->count == COMPARE_DIFFERENCES_MAX) {
		found->more = true;
		return NULL;
	}
	struct compare_difference *difference = &found->list[found->count++];
	*difference = (struct compare_difference){.kind = kind};
	memcpy(difference->where, cut, sizeof(cut));
	return difference;
}

/* ---- JSON ---- */

struct walk {
	const struct compare_rules *rules;
	struct compare_differences *found;
	char path[PATH_SIZE];         /* as it is, in RFC 6901's form */
	char folded[PATH_SIZE];       /* with * for each index */
	size_t length, folded_length; /* of them */
	unsigned depth;
};

/* The length of the segment that a path or a pattern begins with, its slash left out. */
static size_t segment_length(const char *from)
{
	return strcspn(from, "/");
}

static bool matches(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t wanted = segment_length(++pattern), given = segment_length(++path);
		bool any = wanted == 1 && *pattern == '*';
		if (!any && (wanted != given || memcmp(pattern, path, given) != 0))
			return false;
		pattern += wanted;
		path += given;
	}
	return *pattern == '\0' && *path == '\0';
}

static bool is_ignored(const struct walk *walk)
{
	for (size_t i = 0; i < walk->rules->ignore_count; i++)
		if (matches(walk->rules->ignore[i], walk->path))
			return true;
	return false;
}

static void show(const json_t *value, char out[COMPARE_VALUE_SIZE])
{
	if (json_is_object(value)) {
		snprintf(out, COMPARE_VALUE_SIZE, "an object");
	} else if (json_is_array(value)) {
		snprintf(out, COMPARE_VALUE_SIZE, "a list of %zu", json_array_size(value));
	} else if (value) {
		char *text = json_dumps(value, JSON_ENCODE_ANY);
		snprintf(out, COMPARE_VALUE_SIZE, "%s", text);
		free(text);
	} else {
		snprintf(out, COMPARE_VALUE_SIZE, "nothing");
	}
}

static void report(struct walk *walk, const json_t *live, const json_t *other)
{
	struct compare_difference *difference = add(walk->found, COMPARE_JSON, walk->folded_length > 0 ? walk->folded : "/");
	if (!difference)
		return;
	show(live, difference->live);
	show(other, difference->other);
}

/* One step down; false when the path has become too long to be told. */
static bool push(struct walk *walk, const char *name, const char *folded)
{
	size_t length = walk->length + strlen(name) + 1, folded_length = walk->folded_length + strlen(folded) + 1;
	if (walk->depth == DEPTH_MAX || length >= PATH_SIZE || folded_length >= PATH_SIZE)
		return false;
	snprintf(walk->path + walk->length, PATH_SIZE - walk->length, "/%s", name);
	snprintf(walk->folded + walk->folded_length, PATH_SIZE - walk->folded_length, "/%s", folded);
	walk->length = length;
	walk->folded_length = folded_length;
	walk->depth++;
	return true;
}

static void walk_values(struct walk *walk, const json_t *live, const json_t *other);

/* The values at one name or index of both; either may be missing. */
static void walk_member(struct walk *walk, const char *name, const char *folded, const json_t *live, const json_t *other)
{
	size_t length = walk->length, folded_length = walk->folded_length;
	if (!push(walk, name, folded)) {
		if (!live || !other || !json_equal(live, other))
			report(walk, live, other);
		return;
	}
	if (!is_ignored(walk))
		walk_values(walk, live, other);
	walk->depth--;
	walk->length = length;
	walk->folded_length = folded_length;
	walk->path[length] = walk->folded[folded_length] = '\0';
}

/* A name as a segment: `~` and `/` have another meaning there (RFC 6901 section 3). */
static char *escape(const char *name)
{
	struct text text;
	text_init(&text, PATH_SIZE);
	for (; *name; name++) {
		if (*name == '~' || *name == '/')
			text_add(&text, *name == '~' ? "~0" : "~1", 2);
		else
			text_add(&text, name, 1);
	}
	return text_take(&text);
}

static void walk_object(struct walk *walk, const json_t *live, const json_t *other)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)live, name, value)
	{
		char *segment = escape(name);
		walk_member(walk, segment, segment, value, json_object_get(other, name));
		free(segment);
	}
	json_object_foreach((json_t *)(uintptr_t)other, name, value)
	{
		if (json_object_get(live, name))
			continue;
		char *segment = escape(name);
		walk_member(walk, segment, segment, NULL, value);
		free(segment);
	}
}

static void walk_array(struct walk *walk, const json_t *live, const json_t *other)
{
	char index[24];
	size_t both = json_array_size(live);
	if (json_array_size(other) != both) {
		report(walk, live, other);
		both = json_array_size(other) < both ? json_array_size(other) : both;
	}
	for (size_t i = 0; i < both; i++) {
		snprintf(index, sizeof(index), "%zu", i);
		walk_member(walk, index, "*", json_array_get(live, i), json_array_get(other, i));
	}
}

static void walk_values(struct walk *walk, const json_t *live, const json_t *other)
{
	if (json_is_object(live) && json_is_object(other))
		walk_object(walk, live, other);
	else if (json_is_array(live) && json_is_array(other))
		walk_array(walk, live, other);
	else if (!live || !other || !json_equal(live, other))
		report(walk, live, other);
}

/* ---- the parts of an answer ---- */

/* False when one of them is no JSON object or list. */
static bool compare_json(
	const struct compare_rules *rules, const struct compare_answer *live, const struct compare_answer *other, struct compare_differences *found)
{
	json_t *ours = json_loadb(live->body, live->body_length, 0, NULL);
	json_t *theirs = ours ? json_loadb(other->body, other->body_length, 0, NULL) : NULL;
	if (theirs) {
		struct walk walk = {.rules = rules, .found = found};
		walk_values(&walk, ours, theirs);
	}
	bool compared = theirs != NULL;
	json_decref(ours);
	json_decref(theirs);
	return compared;
}

/* As far as both are there. */
static bool same_bytes(const struct compare_answer *live, const struct compare_answer *other)
{
	size_t both = live->body_length < other->body_length ? live->body_length : other->body_length;
	if ((live->body_length > both && !other->body_cut) || (other->body_length > both && !live->body_cut))
		return false;
	return both == 0 || memcmp(live->body, other->body, both) == 0;
}

static void show_body(const struct compare_answer *answer, char out[COMPARE_VALUE_SIZE])
{
	snprintf(out, COMPARE_VALUE_SIZE, "%s%zu bytes, hash %016" PRIx64, answer->body_cut ? "the first " : "", answer->body_length,
		text_hash(answer->body, answer->body_length, TEXT_HASH_SEED));
}

static void compare_bodies(
	const struct compare_rules *rules, const struct compare_answer *live, const struct compare_answer *other, struct compare_differences *found)
{
	if (same_bytes(live, other) || (!live->body_cut && !other->body_cut && compare_json(rules, live, other, found)))
		return;
	struct compare_difference *difference = add(found, COMPARE_BODY, "");
	if (!difference)
		return;
	show_body(live, difference->live);
	show_body(other, difference->other);
}

static void show_field(const char *name, const char *value, char out[COMPARE_VALUE_SIZE])
{
	bool secret = value && strcasecmp(name, "set-cookie") == 0;
	snprintf(out, COMPARE_VALUE_SIZE, "%s", secret ? "a cookie" : value ? value : "nothing");
}

static void compare_fields(
	const struct compare_rules *rules, const struct compare_answer *live, const struct compare_answer *other, struct compare_differences *found)
{
	for (size_t i = 0; i < rules->field_count; i++) {
		const char *ours = live->values[i], *theirs = other->values[i];
		if (ours == theirs || (ours && theirs && strcmp(ours, theirs) == 0))
			continue;
		struct compare_difference *difference = add(found, COMPARE_FIELD, rules->fields[i]);
		if (!difference)
			continue;
		show_field(rules->fields[i], ours, difference->live);
		show_field(rules->fields[i], theirs, difference->other);
	}
}

static void show_status(const struct compare_answer *answer, char out[COMPARE_VALUE_SIZE])
{
	if (answer->status > 0)
		snprintf(out, COMPARE_VALUE_SIZE, "%u", answer->status);
	else
		snprintf(out, COMPARE_VALUE_SIZE, "none: %s", answer->fault);
}

void compare_answers(
	const struct compare_rules *rules, const struct compare_answer *live, const struct compare_answer *other, struct compare_differences *found)
{
	found->count = 0;
	found->more = false;
	if (live->status == other->status && live->status > 0) {
		compare_fields(rules, live, other, found);
		compare_bodies(rules, live, other, found);
		return;
	}
	const char *fault = live->status == 0 ? live->fault : other->fault;
	bool none = live->status == 0 || other->status == 0;
	struct compare_difference *difference = add(found, none ? COMPARE_NO_ANSWER : COMPARE_STATUS, none ? fault : "");
	show_status(live, difference->live);
	show_status(other, difference->other);
}
