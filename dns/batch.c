/* Change batches: built, checked, written, compared with what is there. Any thread. Sends nothing. */
#include "dns/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dns/xml.h"

#define BODY_MAX ((size_t)1024 * 1024) /* far beyond what batch_check lets pass */
#define VALUES_MAX 1000u
#define CHARACTERS_MAX 32000u

/* ---- building ---- */

/* At most BATCH_COMMENT_MAX bytes, and no part of a character at the end. */
static void copy_comment(char *to, const char *comment)
{
	size_t left = strlen(comment), length = 0;
	while (length < left) {
		size_t one = text_measure_utf8((const unsigned char *)comment + length, left - length);
		one = one > 0 ? one : 1;
		if (length + one > BATCH_COMMENT_MAX)
			break;
		length += one;
	}
	memcpy(to, comment, length);
	to[length] = '\0';
}

void batch_init(struct batch *batch, const char *comment)
{
	*batch = (struct batch){0};
	copy_comment(batch->comment, comment);
}

void batch_fini(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		record_fini(&batch->changes[i].record);
	free(batch->changes);
	*batch = (struct batch){0};
}

static void add_change(struct batch *batch, enum batch_action action, const struct record *record)
{
	assert(!record->foreign[0]);
	batch->changes = memory_grow(batch->changes, batch->count + 1, sizeof(*batch->changes));
	struct batch_change *change = &batch->changes[batch->count++];
	change->action = action;
	record_copy(&change->record, record);
}

void batch_replace(struct batch *batch, const struct record *old, const struct record *new)
{
	assert(old || new);
	if (old)
		add_change(batch, BATCH_DELETE, old);
	if (new)
		add_change(batch, BATCH_CREATE, new);
}

void batch_init_inverse(struct batch *inverse, const struct batch *batch, const char *comment)
{
	batch_init(inverse, comment);
	for (size_t i = 0; i < batch->count; i++) {
		const struct batch_change *change = &batch->changes[i];
		add_change(inverse, change->action == BATCH_DELETE ? BATCH_CREATE : BATCH_DELETE, &change->record);
	}
}

/* ---- checking ---- */

static bool check_siblings(const struct batch *batch, const struct record *record, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct record *other = &batch->changes[i].record;
		bool siblings = batch->changes[i].action == BATCH_CREATE && other->set_identifier && strcmp(other->name, record->name) == 0 &&
				strcmp(other->type, record->type) == 0;
		if (siblings && !other->alias_zone && other->ttl != record->ttl)
			return err_set(err, "the weighted %s records \"%.128s\" and \"%.128s\" of %.255s have different TTLs, which Route 53 does not take",
				record->type, record->set_identifier, other->set_identifier, record->name);
	}
	return true;
}

static bool check_limits(const struct batch *batch, struct err *err)
{
	size_t values = 0, characters = 0;
	for (size_t i = 0; i < batch->count; i++) {
		const struct record *record = &batch->changes[i].record;
		values += record->value_count;
		for (size_t k = 0; k < record->value_count; k++)
			characters += strlen(record->values[k]);
	}
	if (values > VALUES_MAX || characters > CHARACTERS_MAX)
		return err_set(err, "the change holds %zu values of %zu characters together, and Route 53 takes %u of %u", values, characters, VALUES_MAX,
			CHARACTERS_MAX);
	return true;
}

bool batch_check(const struct batch *batch, struct err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct record *record = &batch->changes[i].record;
		if (batch->changes[i].action != BATCH_CREATE)
			continue;
		if (!record_check(record, err))
			return false;
		if (record->set_identifier && !record->alias_zone && !check_siblings(batch, record, err))
			return false;
	}
	return check_limits(batch, err);
}

unsigned batch_cost(const struct batch *batch)
{
	return (unsigned)batch->count;
}

/* ---- writing ---- */

static void write_changes(const struct batch *batch, enum batch_action action, struct text *out)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->changes[i].action != action)
			continue;
		text_addf(out, "<Change><Action>%s</Action>", action == BATCH_DELETE ? "DELETE" : "CREATE");
		record_write(&batch->changes[i].record, out);
		text_addf(out, "</Change>");
	}
}

/* All deletions come first, so that no half of the batch, looked at alone, has two weighted siblings of different TTLs. */
char *batch_write(const struct batch *batch, size_t *length)
{
	struct text out;
	text_init(&out, BODY_MAX);
	text_addf(&out, "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch>");
	if (batch->comment[0])
		xml_add_element(&out, "Comment", batch->comment);
	text_addf(&out, "<Changes>");
	write_changes(batch, BATCH_DELETE, &out);
	write_changes(batch, BATCH_CREATE, &out);
	text_addf(&out, "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
	assert(!out.cut);
	*length = out.length;
	return text_take(&out);
}

/* ---- comparing ---- */

static const struct record *find_change(const struct batch *batch, enum batch_action action, const struct record *place)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->changes[i].action == action && record_same_place(&batch->changes[i].record, place))
			return &batch->changes[i].record;
	return NULL;
}

static const struct record *find_record(const struct record *records, size_t count, const struct record *place)
{
	for (size_t i = 0; i < count; i++)
		if (record_same_place(&records[i], place))
			return &records[i];
	return NULL;
}

static bool agree(const struct record *a, const struct record *b)
{
	return a && b ? record_equal(a, b) : a == b;
}

enum batch_state batch_compare(const struct batch *batch, const struct record *present, size_t count)
{
	bool before = true, after = true;
	for (size_t i = 0; i < batch->count; i++) {
		const struct record *place = &batch->changes[i].record, *there = find_record(present, count, place);
		before = before && agree(there, find_change(batch, BATCH_DELETE, place));
		after = after && agree(there, find_change(batch, BATCH_CREATE, place));
	}
	return after ? BATCH_AFTER : before ? BATCH_BEFORE : BATCH_DRIFTED;
}
