/* Record sets: made, checked, compared, described. Any thread. XML is in record_xml.c. */
#include "dns/record.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define IDENTIFIER_MAX 128u
#define HEALTH_CHECK_MAX 64u
#define ZONE_ID_MAX 32u
#define VALUE_SHOWN_MAX 300u

/* ---- making ---- */

void record_init(struct record *record, const char *full_name, const char *type, uint32_t ttl)
{
	*record = (struct record){.ttl = ttl};
	snprintf(record->name, sizeof(record->name), "%s", full_name);
	snprintf(record->type, sizeof(record->type), "%s", type);
}

void record_init_alias(struct record *record, const char *full_name, const char *type, const char *target_zone, const char *target_name, bool evaluates_health)
{
	record_init(record, full_name, type, 0);
	record->alias_zone = memory_text(target_zone);
	record->alias_name = memory_text(target_name);
	record->alias_evaluates_health = evaluates_health;
}

void record_set_weight(struct record *record, const char *set_identifier, unsigned weight)
{
	char *copy = memory_text(set_identifier);
	free(record->set_identifier);
	record->set_identifier = copy;
	record->weight = weight;
}

void record_set_health_check(struct record *record, const char *id)
{
	char *copy = memory_text(id);
	free(record->health_check);
	record->health_check = copy;
}

void record_add_value(struct record *record, const char *value)
{
	record->values = memory_grow(record->values, record->value_count + 1, sizeof(*record->values));
	record->values[record->value_count++] = memory_text(value);
}

void record_copy(struct record *to, const struct record *from)
{
	*to = *from;
	to->set_identifier = memory_text(from->set_identifier);
	to->health_check = memory_text(from->health_check);
	to->alias_zone = memory_text(from->alias_zone);
	to->alias_name = memory_text(from->alias_name);
	to->values = NULL;
	to->value_count = 0;
	for (size_t i = 0; i < from->value_count; i++)
		record_add_value(to, from->values[i]);
}

void record_fini(struct record *record)
{
	for (size_t i = 0; i < record->value_count; i++)
		free(record->values[i]);
	free(record->values);
	free(record->set_identifier);
	free(record->health_check);
	free(record->alias_zone);
	free(record->alias_name);
	*record = (struct record){0};
}

void record_free_all(struct record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		record_fini(&records[i]);
	free(records);
}

/* ---- checking ---- */

static bool is_address(int family, const char *text)
{
	unsigned char bytes[16];
	return inet_pton(family, text, bytes) == 1;
}

static bool check_value(const struct record *record, const char *value, struct err *err)
{
	char full[R53_NAME_SIZE];
	if (strcmp(record->type, "CNAME") == 0)
		return r53_name_make_full(value, full, err);
	bool v6 = strcmp(record->type, "AAAA") == 0;
	return is_address(v6 ? AF_INET6 : AF_INET, value) ||
	       err_set(err, "\"%.255s\" is no IPv%d address, which a record of type %s needs", value, v6 ? 6 : 4, record->type);
}

static bool check_values(const struct record *record, struct err *err)
{
	bool single = record->set_identifier || strcmp(record->type, "CNAME") == 0;
	if (record->value_count == 0)
		return err_set(err, "it has no value");
	if (single && record->value_count > 1)
		return err_set(err, "a %s record holds one value, not %zu", record->set_identifier ? "weighted" : "CNAME", record->value_count);
	if (record->value_count > RECORD_VALUES_MAX)
		return err_set(err, "it has %zu values, and Route 53 takes %u", record->value_count, RECORD_VALUES_MAX);
	if (record->ttl > RECORD_TTL_MAX)
		return err_set(err, "its TTL of %" PRIu32 " s is more than %u", record->ttl, RECORD_TTL_MAX);
	for (size_t i = 0; i < record->value_count; i++)
		if (!check_value(record, record->values[i], err))
			return false;
	return true;
}

static bool check_alias(const struct record *record, struct err *err)
{
	char full[R53_NAME_SIZE];
	size_t length = strlen(record->alias_zone);
	if (record->value_count > 0)
		return err_set(err, "an alias has no values of its own");
	if (length == 0 || length > ZONE_ID_MAX)
		return err_set(err, "the hosted zone id of its target has 1 to %u characters, not %zu", ZONE_ID_MAX, length);
	return r53_name_make_full(record->alias_name, full, err);
}

static bool check_placing(const struct record *record, struct err *err)
{
	size_t identifier = record->set_identifier ? strlen(record->set_identifier) : 1, check = record->health_check ? strlen(record->health_check) : 1;
	if (identifier == 0 || identifier > IDENTIFIER_MAX)
		return err_set(err, "a set identifier has 1 to %u characters, not %zu", IDENTIFIER_MAX, identifier);
	if (record->weight > RECORD_WEIGHT_MAX)
		return err_set(err, "its weight of %u is more than %u", record->weight, RECORD_WEIGHT_MAX);
	if (check == 0 || check > HEALTH_CHECK_MAX)
		return err_set(err, "the id of a health check has 1 to %u characters, not %zu", HEALTH_CHECK_MAX, check);
	return true;
}

bool record_check(const struct record *record, struct err *err)
{
	char shown[R53_NAME_SIZE];
	assert(!record->foreign[0]);
	bool fine = check_placing(record, err) && (record->alias_zone ? check_alias(record, err) : check_values(record, err));
	r53_name_show(record->name, shown);
	return fine || err_prefix(err, "the %s record of %.255s", record->type, shown);
}

/* ---- comparing ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_address(int family, const char *a, const char *b)
{
	unsigned char bytes_a[16] = {0}, bytes_b[16] = {0};
	return inet_pton(family, a, bytes_a) == 1 && inet_pton(family, b, bytes_b) == 1 && memcmp(bytes_a, bytes_b, sizeof(bytes_a)) == 0;
}

/* The same text is the same name, even where it is none. */
static bool same_name(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || r53_name_equal(a, b);
}

static bool same_value(const char *type, const char *a, const char *b)
{
	if (strcmp(type, "CNAME") == 0)
		return same_name(a, b);
	if (strcmp(a, b) == 0)
		return true;
	return same_address(strcmp(type, "AAAA") == 0 ? AF_INET6 : AF_INET, a, b);
}

static size_t count_value(const struct record *record, const char *value)
{
	size_t count = 0;
	for (size_t i = 0; i < record->value_count; i++)
		count += same_value(record->type, record->values[i], value);
	return count;
}

static bool same_values(const struct record *a, const struct record *b)
{
	if (a->value_count != b->value_count)
		return false;
	for (size_t i = 0; i < a->value_count; i++)
		if (count_value(a, a->values[i]) != count_value(b, a->values[i]))
			return false;
	return true;
}

bool record_same_place(const struct record *a, const struct record *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->type, b->type) == 0 && same_text(a->set_identifier, b->set_identifier);
}

bool record_same_target(const struct record *a, const struct record *b)
{
	if (a->foreign[0] || b->foreign[0] || strcmp(a->type, b->type) != 0)
		return false;
	if (a->alias_zone && b->alias_zone)
		return strcmp(a->alias_zone, b->alias_zone) == 0 && same_name(a->alias_name, b->alias_name) &&
		       a->alias_evaluates_health == b->alias_evaluates_health;
	return !a->alias_zone && !b->alias_zone && same_values(a, b);
}

bool record_equal(const struct record *a, const struct record *b)
{
	bool same_ttl = a->alias_zone || a->ttl == b->ttl, same_weight = !a->set_identifier || a->weight == b->weight;
	return record_same_place(a, b) && record_same_target(a, b) && same_ttl && same_weight && same_text(a->health_check, b->health_check);
}

/* ---- describing ---- */

/* Others wrote these texts: nothing of theirs may steer a terminal. */
static void add_clean(struct text *out, const char *text)
{
	char clean[VALUE_SHOWN_MAX * 4];
	size_t length = strlen(text), written = text_escape_log(text, length < VALUE_SHOWN_MAX ? length : VALUE_SHOWN_MAX, clean, sizeof(clean));
	text_add(out, clean, written);
	if (length > VALUE_SHOWN_MAX)
		text_addf(out, "…");
}

static void describe_target(const struct record *record, struct text *out)
{
	if (record->alias_zone) {
		text_addf(out, " alias to ");
		add_clean(out, record->alias_name);
		text_addf(out, " (");
		add_clean(out, record->alias_zone);
		text_addf(out, record->alias_evaluates_health ? ", evaluating its health)" : ")");
		return;
	}
	text_addf(out, " %" PRIu32 "s", record->ttl);
	for (size_t i = 0; i < record->value_count; i++) {
		text_addf(out, " ");
		add_clean(out, record->values[i]);
	}
}

void record_describe(const struct record *record, struct text *out)
{
	char shown[R53_NAME_SIZE];
	r53_name_show(record->name, shown);
	text_addf(out, "%s %s", shown, record->type);
	if (record->set_identifier) {
		text_addf(out, " \"");
		add_clean(out, record->set_identifier);
		text_addf(out, "\"");
		if (!record->foreign[0] || record->weight > 0) /* else it may be one that has none: by latency, failover, … */
			text_addf(out, " weight %u", record->weight);
	}
	describe_target(record, out);
	if (record->health_check) {
		text_addf(out, " health check ");
		add_clean(out, record->health_check);
	}
	if (record->foreign[0])
		text_addf(out, " and what teal does not know: %s", record->foreign);
}
