/* Record sets from XML and into it. Any thread. Takes from an element what it knows, and notes the name of the first thing it doesn't. */
#include "dns/record.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dns/xml.h"

/* ---- reading ---- */

static void note_foreign(struct record *record, const char *format, const char *name)
{
	if (!record->foreign[0])
		snprintf(record->foreign, sizeof(record->foreign), format, name);
}

static bool read_number(const char *text, uint64_t most, uint64_t *number)
{
	return text_parse_unsigned(text, number) && *number <= most;
}

static bool read_name(struct record *record, const struct xml_node *node)
{
	return r53_name_make_full(node->text, record->name, NULL);
}

static bool read_type(struct record *record, const struct xml_node *node)
{
	size_t length = strlen(node->text);
	if (length == 0 || length >= sizeof(record->type))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isupper((unsigned char)node->text[i]) && !isdigit((unsigned char)node->text[i]))
			return false;
	memcpy(record->type, node->text, length + 1);
	if (strcmp(record->type, "A") != 0 && strcmp(record->type, "AAAA") != 0 && strcmp(record->type, "CNAME") != 0)
		note_foreign(record, "Type %s", record->type);
	return true;
}

static bool read_identifier(struct record *record, const struct xml_node *node)
{
	record->set_identifier = memory_text(node->text);
	return node->text[0] != '\0';
}

static bool read_weight(struct record *record, const struct xml_node *node)
{
	uint64_t weight;
	if (!read_number(node->text, RECORD_WEIGHT_MAX, &weight))
		return false;
	record->weight = (unsigned)weight;
	return true;
}

static bool read_ttl(struct record *record, const struct xml_node *node)
{
	uint64_t ttl;
	if (!read_number(node->text, RECORD_TTL_MAX, &ttl))
		return false;
	record->ttl = (uint32_t)ttl;
	return true;
}

static bool read_values(struct record *record, const struct xml_node *node)
{
	for (const struct xml_node *child = node->child; child; child = child->next) {
		const struct xml_node *value = child->child;
		if (strcmp(child->name, "ResourceRecord") != 0)
			note_foreign(record, "%s", child->name);
		else if (value && !value->next && strcmp(value->name, "Value") == 0 && value->text[0])
			record_add_value(record, value->text);
		else
			return false;
	}
	return true;
}

/* One of each, and not empty. */
static bool take_text(char **place, const char *text)
{
	bool first = !*place;
	if (first)
		*place = memory_text(text);
	return first && text[0];
}

static bool take_alias_child(struct record *record, const struct xml_node *child, const char **health)
{
	if (strcmp(child->name, "HostedZoneId") == 0)
		return take_text(&record->alias_zone, child->text);
	if (strcmp(child->name, "DNSName") == 0)
		return take_text(&record->alias_name, child->text);
	if (strcmp(child->name, "EvaluateTargetHealth") != 0) {
		note_foreign(record, "%s", child->name);
		return true;
	}
	bool first = !*health;
	*health = child->text;
	return first;
}

static bool read_alias(struct record *record, const struct xml_node *node)
{
	const char *health = NULL;
	for (const struct xml_node *child = node->child; child; child = child->next)
		if (!take_alias_child(record, child, &health))
			return false;
	if (!record->alias_zone || !record->alias_name || !health)
		return false;
	record->alias_evaluates_health = strcmp(health, "true") == 0;
	return record->alias_evaluates_health || strcmp(health, "false") == 0;
}

static bool read_health_check(struct record *record, const struct xml_node *node)
{
	record->health_check = memory_text(node->text);
	return node->text[0] != '\0';
}

enum part { PART_NAME, PART_TYPE, PART_IDENTIFIER, PART_WEIGHT, PART_TTL, PART_VALUES, PART_ALIAS, PART_HEALTH_CHECK, PARTS };

static const struct part_reader {
	const char *element;
	bool (*read)(struct record *record, const struct xml_node *node);
} readers[PARTS] = {
	[PART_NAME] = {"Name", read_name},
	[PART_TYPE] = {"Type", read_type},
	[PART_IDENTIFIER] = {"SetIdentifier", read_identifier},
	[PART_WEIGHT] = {"Weight", read_weight},
	[PART_TTL] = {"TTL", read_ttl},
	[PART_VALUES] = {"ResourceRecords", read_values},
	[PART_ALIAS] = {"AliasTarget", read_alias},
	[PART_HEALTH_CHECK] = {"HealthCheckId", read_health_check},
};

static bool read_part(struct record *record, const struct xml_node *node, bool seen[PARTS])
{
	for (unsigned part = 0; part < PARTS; part++) {
		if (strcmp(readers[part].element, node->name) != 0)
			continue;
		if (seen[part])
			return false;
		seen[part] = true;
		return readers[part].read(record, node);
	}
	note_foreign(record, "%s", node->name);
	return true;
}

static bool is_whole(const struct record *record, const bool seen[PARTS])
{
	if (!seen[PART_NAME] || !seen[PART_TYPE])
		return false;
	if (record->foreign[0])
		return true;
	bool has_values = seen[PART_TTL] && record->value_count > 0, has_none = !seen[PART_TTL] && !seen[PART_VALUES];
	return seen[PART_IDENTIFIER] == seen[PART_WEIGHT] && (seen[PART_ALIAS] ? has_none : has_values);
}

bool record_read(struct record *record, const struct xml_node *set)
{
	bool seen[PARTS] = {false}, fine = strcmp(set->name, "ResourceRecordSet") == 0;
	*record = (struct record){0};
	for (const struct xml_node *child = set->child; child && fine; child = child->next)
		fine = read_part(record, child, seen);
	fine = fine && is_whole(record, seen);
	if (!fine)
		record_fini(record);
	return fine;
}

bool record_parse(struct record *record, const char *bytes, size_t length)
{
	enum xml_fault fault;
	struct xml *xml = xml_read(bytes, length, &fault);
	bool read = xml && record_read(record, xml_root(xml));
	if (!xml)
		*record = (struct record){0};
	xml_free(xml);
	return read;
}

/* ---- writing ---- */

static void write_values(const struct record *record, struct text *out)
{
	text_addf(out, "<TTL>%" PRIu32 "</TTL><ResourceRecords>", record->ttl);
	for (size_t i = 0; i < record->value_count; i++) {
		text_addf(out, "<ResourceRecord>");
		xml_add_element(out, "Value", record->values[i]);
		text_addf(out, "</ResourceRecord>");
	}
	text_addf(out, "</ResourceRecords>");
}

static void write_alias(const struct record *record, struct text *out)
{
	text_addf(out, "<AliasTarget>");
	xml_add_element(out, "HostedZoneId", record->alias_zone);
	xml_add_element(out, "DNSName", record->alias_name);
	xml_add_element(out, "EvaluateTargetHealth", record->alias_evaluates_health ? "true" : "false");
	text_addf(out, "</AliasTarget>");
}

void record_write(const struct record *record, struct text *out)
{
	assert(!record->foreign[0]);
	text_addf(out, "<ResourceRecordSet>");
	xml_add_element(out, "Name", record->name);
	xml_add_element(out, "Type", record->type);
	if (record->set_identifier) {
		xml_add_element(out, "SetIdentifier", record->set_identifier);
		text_addf(out, "<Weight>%u</Weight>", record->weight);
	}
	if (record->alias_zone)
		write_alias(record, out);
	else
		write_values(record, out);
	if (record->health_check)
		xml_add_element(out, "HealthCheckId", record->health_check);
	text_addf(out, "</ResourceRecordSet>");
}
