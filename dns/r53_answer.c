/* Answers of Route 53 from XML. Any thread. Takes what a switch needs; elements it does not know are left alone here, but in record sets (dns/record_xml.c). */
#include "dns/r53_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dns/xml.h"

#define CHANGE_ID_MAX 6500u
#define MARKER_PART_MAX 512u /* set identifiers have up to 128 characters, ids and types less */

const char *r53_answer_strip_id(const char *id)
{
	const char *slash = strrchr(id, '/');
	return slash ? slash + 1 : id;
}

static bool read_bool(const char *text, bool *value)
{
	*value = text && strcmp(text, "true") == 0;
	return *value || (text && strcmp(text, "false") == 0);
}

/* ---- changes ---- */

static bool read_change_info(const struct xml_node *info, struct r53_change *change)
{
	const char *id = xml_find_text(info, "Id"), *status = xml_find_text(info, "Status"), *at = xml_find_text(info, "SubmittedAt");
	if (!id || !status)
		return false;
	change->in_sync = strcmp(status, "INSYNC") == 0;
	if (!change->in_sync && strcmp(status, "PENDING") != 0)
		return false;
	size_t length = strlen(r53_answer_strip_id(id));
	if (length == 0 || length > CHANGE_ID_MAX)
		return false;
	snprintf(change->submitted_at, sizeof(change->submitted_at), "%s", at ? at : "");
	change->id = memory_text(r53_answer_strip_id(id));
	return true;
}

bool r53_answer_read_change(const struct xml_node *root, struct r53_change *change)
{
	*change = (struct r53_change){0};
	bool named = strcmp(root->name, "ChangeResourceRecordSetsResponse") == 0 || strcmp(root->name, "GetChangeResponse") == 0;
	return named && read_change_info(xml_find(root, "ChangeInfo"), change);
}

void r53_change_fini(struct r53_change *change)
{
	free(change->id);
	*change = (struct r53_change){0};
}

/* ---- zones ---- */

static bool read_zone(const struct xml_node *node, struct r53_zone *zone)
{
	const char *id = xml_find_text(node, "Id"), *name = xml_find_text(node, "Name"), *is_private = xml_find_text(node, "Config/PrivateZone");
	*zone = (struct r53_zone){0};
	if (!id || !name || !r53_name_make_full(name, zone->name, NULL))
		return false;
	if (is_private && !read_bool(is_private, &zone->is_private))
		return false;
	int length = snprintf(zone->id, sizeof(zone->id), "%s", r53_answer_strip_id(id));
	return length > 0 && (size_t)length < sizeof(zone->id);
}

static void add_name_server(struct r53_zone *zone, const char *text)
{
	size_t length = strlen(text);
	zone->name_servers = memory_grow(zone->name_servers, zone->name_server_count + 1, sizeof(*zone->name_servers));
	zone->name_servers[zone->name_server_count++] = memory_text_cut(text, length > 0 && text[length - 1] == '.' ? length - 1 : length);
}

static bool read_name_servers(const struct xml_node *list, struct r53_zone *zone)
{
	char full[R53_NAME_SIZE];
	for (const struct xml_node *child = list ? list->child : NULL; child; child = child->next) {
		if (strcmp(child->name, "NameServer") != 0 || !r53_name_make_full(child->text, full, NULL))
			return false;
		add_name_server(zone, child->text);
	}
	return true;
}

static void fini_zone(struct r53_zone *zone)
{
	for (size_t i = 0; i < zone->name_server_count; i++)
		free(zone->name_servers[i]);
	free(zone->name_servers);
	*zone = (struct r53_zone){0};
}

bool r53_answer_read_zone(const struct xml_node *root, struct r53_zone *zone)
{
	*zone = (struct r53_zone){0};
	const struct xml_node *node = xml_find(root, "HostedZone");
	if (strcmp(root->name, "GetHostedZoneResponse") != 0 || !node || !read_zone(node, zone))
		return false;
	bool read = read_name_servers(xml_find(root, "DelegationSet/NameServers"), zone);
	if (!read)
		fini_zone(zone);
	return read;
}

void r53_zone_free_all(struct r53_zone *zones, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fini_zone(&zones[i]);
	free(zones);
}

/* ---- pages ---- */

void r53_marker_fini(struct r53_marker *marker)
{
	free(marker->name);
	free(marker->type);
	free(marker->identifier);
	*marker = (struct r53_marker){0};
}

static bool end_list(struct r53_marker *marker)
{
	marker->more = false;
	return true;
}

/* NULL where there is none, or one that Route 53 would not send. */
static char *copy_part(const struct xml_node *root, const char *element)
{
	const char *text = xml_find_text(root, element);
	return text && text[0] && strlen(text) <= MARKER_PART_MAX ? memory_text(text) : NULL;
}

static char *copy_name(const struct xml_node *root, const char *element)
{
	char full[R53_NAME_SIZE];
	const char *text = xml_find_text(root, element);
	return text && r53_name_make_full(text, full, NULL) ? memory_text(full) : NULL;
}

static bool is_of(const struct xml_node *set, const char *full_name, const char *type, bool *of)
{
	char full[R53_NAME_SIZE];
	const char *name = xml_find_text(set, "Name"), *kind = xml_find_text(set, "Type");
	if (!name || !kind || !r53_name_make_full(name, full, NULL))
		return false;
	*of = strcmp(full, full_name) == 0 && (!type || strcmp(kind, type) == 0);
	return true;
}

static bool add_record(struct record **records, size_t *count, const struct xml_node *set)
{
	struct record record;
	if (!record_read(&record, set))
		return false;
	*records = memory_grow(*records, *count + 1, sizeof(**records));
	(*records)[(*count)++] = record;
	return true;
}

bool r53_answer_read_records(
	const struct xml_node *root, const char *full_name, const char *type, struct record **records, size_t *count, struct r53_marker *marker)
{
	const struct xml_node *list = xml_find(root, "ResourceRecordSets");
	*marker = (struct r53_marker){0};
	if (strcmp(root->name, "ListResourceRecordSetsResponse") != 0 || !list || !read_bool(xml_find_text(root, "IsTruncated"), &marker->more))
		return false;
	for (const struct xml_node *set = list->child; set; set = set->next) {
		bool of;
		if (!is_of(set, full_name, type, &of))
			return false;
		if (!of)
			return end_list(marker);
		if (!add_record(records, count, set))
			return false;
	}
	if (!marker->more)
		return true;
	marker->name = copy_name(root, "NextRecordName");
	marker->type = copy_part(root, "NextRecordType");
	marker->identifier = copy_part(root, "NextRecordIdentifier");
	if (marker->name && marker->type)
		return true;
	r53_marker_fini(marker);
	return false;
}

bool r53_answer_read_zones(const struct xml_node *root, const char *full_name, struct r53_zone **zones, size_t *count, struct r53_marker *marker)
{
	const struct xml_node *list = xml_find(root, "HostedZones");
	*marker = (struct r53_marker){0};
	if (strcmp(root->name, "ListHostedZonesByNameResponse") != 0 || !list || !read_bool(xml_find_text(root, "IsTruncated"), &marker->more))
		return false;
	for (const struct xml_node *node = list->child; node; node = node->next) {
		struct r53_zone zone;
		if (strcmp(node->name, "HostedZone") != 0 || !read_zone(node, &zone))
			return false;
		if (strcmp(zone.name, full_name) != 0)
			return end_list(marker);
		*zones = memory_grow(*zones, *count + 1, sizeof(**zones));
		(*zones)[(*count)++] = zone;
	}
	if (!marker->more)
		return true;
	marker->name = copy_name(root, "NextDNSName");
	marker->identifier = copy_part(root, "NextHostedZoneId");
	if (marker->name)
		return true;
	r53_marker_fini(marker);
	return false;
}
