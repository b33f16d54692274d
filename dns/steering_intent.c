/* Intents to and from JSON, and their batches. Any thread. Sends nothing, writes nothing to a disk. */
#include "dns/steering_intent.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define VERSION 1
#define SET_SIZE_MAX ((size_t)1024 * 1024)

static const struct {
	const char *key;
	size_t offset;
} MOMENTS[] = {
	{"created_at", offsetof(struct steering_intent, created_at)},
	{"submitted_at", offsetof(struct steering_intent, submitted_at)},
	{"accepted_at", offsetof(struct steering_intent, accepted_at)},
	{"insync_at", offsetof(struct steering_intent, insync_at)},
	{"agreed_at", offsetof(struct steering_intent, agreed_at)},
	{"safe_at", offsetof(struct steering_intent, safe_at)},
	{"earlier_until", offsetof(struct steering_intent, earlier_until)},
};
#define MOMENT_COUNT (sizeof(MOMENTS) / sizeof(MOMENTS[0]))

static uint64_t get_moment(const struct steering_intent *intent, size_t index)
{
	uint64_t moment;
	memcpy(&moment, (const char *)intent + MOMENTS[index].offset, sizeof(moment));
	return moment;
}

static void set_moment(struct steering_intent *intent, size_t index, uint64_t moment)
{
	memcpy((char *)intent + MOMENTS[index].offset, &moment, sizeof(moment));
}

void steering_intent_fini(struct steering_intent *intent)
{
	record_free_all(intent->old, intent->old_count);
	record_free_all(intent->new, intent->new_count);
	free(intent->change_id);
	*intent = (struct steering_intent){0};
}

const struct record *steering_intent_place(const struct steering_intent *intent)
{
	return intent->new_count > 0 ? intent->new : intent->old;
}

void steering_intent_make_batch(const struct steering_intent *intent, struct batch *batch)
{
	batch_init(batch, intent->comment);
	for (size_t i = 0; i < intent->old_count; i++)
		batch_replace(batch, &intent->old[i], NULL);
	for (size_t i = 0; i < intent->new_count; i++)
		batch_replace(batch, NULL, &intent->new[i]);
}

/* ---- to JSON ---- */

static json_t *write_sets(const struct record *sets, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		struct text out;
		text_init(&out, SET_SIZE_MAX);
		record_write(&sets[i], &out);
		json_array_append_new(list, json_string(out.bytes));
		text_fini(&out);
	}
	return list;
}

json_t *steering_intent_to_json(const struct steering_intent *intent)
{
	json_t *json = json_pack("{s:i, s:s, s:s?, s:s, s:i, s:o, s:o, s:s, s:s?, s:I}", "version", VERSION, "zone", intent->zone_id, "from",
		intent->has_from ? color_name(intent->from) : NULL, "to", color_name(intent->to), "share", (int)intent->share, "old",
		write_sets(intent->old, intent->old_count), "new", write_sets(intent->new, intent->new_count), "comment", intent->comment, "change_id",
		intent->change_id, "old_ttl_s", (json_int_t)intent->old_ttl_s);
	for (size_t i = 0; i < MOMENT_COUNT; i++)
		json_object_set_new(json, MOMENTS[i].key, json_integer((json_int_t)get_moment(intent, i)));
	return json;
}

/* ---- from JSON ---- */

static bool read_sets(const json_t *list, struct record **sets, size_t *count)
{
	size_t length = json_array_size(list);
	*sets = length > 0 ? memory_array(length, sizeof(**sets)) : NULL;
	for (size_t i = 0; i < length; i++) {
		const char *bytes = json_string_value(json_array_get(list, i));
		if (!bytes || !record_parse(&(*sets)[i], bytes, strlen(bytes)))
			return false;
		(*count)++;
		if ((*sets)[i].foreign[0])
			return false;
	}
	return json_is_array(list);
}

static bool read_moments(const json_t *json, struct steering_intent *intent)
{
	for (size_t i = 0; i < MOMENT_COUNT; i++) {
		const json_t *moment = json_object_get(json, MOMENTS[i].key);
		if (!json_is_integer(moment) || json_integer_value(moment) < 0)
			return false;
		set_moment(intent, i, (uint64_t)json_integer_value(moment));
	}
	return true;
}

static bool read_colors(const json_t *json, struct steering_intent *intent)
{
	const char *from = json_string_value(json_object_get(json, "from")), *to = json_string_value(json_object_get(json, "to"));
	json_int_t share = json_integer_value(json_object_get(json, "share")), ttl_s = json_integer_value(json_object_get(json, "old_ttl_s"));
	intent->has_from = from;
	if (!to || !color_parse(to, &intent->to) || (from && !color_parse(from, &intent->from)) || share < 0 || share > 10000 || ttl_s < 0 ||
		ttl_s > RECORD_TTL_MAX)
		return false;
	intent->share = (unsigned)share;
	intent->old_ttl_s = (uint32_t)ttl_s;
	return true;
}

static bool read_texts(const json_t *json, struct steering_intent *intent)
{
	const char *zone = json_string_value(json_object_get(json, "zone")), *comment = json_string_value(json_object_get(json, "comment"));
	const char *change_id = json_string_value(json_object_get(json, "change_id"));
	if (!zone || !zone[0] || strlen(zone) >= sizeof(intent->zone_id) || !comment || (change_id && !change_id[0]))
		return false;
	snprintf(intent->zone_id, sizeof(intent->zone_id), "%s", zone);
	snprintf(intent->comment, sizeof(intent->comment), "%s", comment);
	intent->change_id = memory_text(change_id);
	return true;
}

static bool are_at(const struct record *place, const struct record *sets, size_t count)
{
	assert(sets || count == 0);
	for (size_t i = 0; i < count; i++)
		if (strcmp(sets[i].name, place->name) != 0 || strcmp(sets[i].type, place->type) != 0)
			return false;
	return true;
}

/* All sets are of one name and type, and there is one at least. */
static bool check_places(const struct steering_intent *intent)
{
	const struct record *place = steering_intent_place(intent);
	return place && are_at(place, intent->old, intent->old_count) && are_at(place, intent->new, intent->new_count);
}

bool steering_intent_from_json(const json_t *json, struct steering_intent *intent, struct err *err)
{
	json_int_t version = json_integer_value(json_object_get(json, "version"));
	*intent = (struct steering_intent){0};
	if (version != VERSION)
		return err_set(err, "the change that was written down is of version %lld, and this teal knows version %d", (long long)version, VERSION);
	if (read_texts(json, intent) && read_colors(json, intent) && read_moments(json, intent) &&
		read_sets(json_object_get(json, "old"), &intent->old, &intent->old_count) &&
		read_sets(json_object_get(json, "new"), &intent->new, &intent->new_count) && check_places(intent))
		return true;
	steering_intent_fini(intent);
	return err_set(err, "the change that was written down can't be read: it is damaged, or no teal wrote it");
}
