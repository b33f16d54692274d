/* The set of field lines to leave out. Any thread. */
#include "proxy/removal.h"

#include <string.h>

enum {
	/* What a Connection member can't take away: without these a request would mean another thing to the backend than to us. Upgrade has its own rule. */
	NEVER_NAMED = REMOVAL_FORWARDING | FIELD_BIT(FIELD_host) | FIELD_BIT(FIELD_content_length) | FIELD_BIT(FIELD_transfer_encoding) |
		      FIELD_BIT(FIELD_x_request_id) | FIELD_BIT(FIELD_via) | FIELD_BIT(FIELD_upgrade) | FIELD_BIT(FIELD_other),
};

bool removal_is_alias(const struct head_field *field)
{
	char name[sizeof("x-forwarded-proto")];
	if (field->name_length >= sizeof(name) || !memchr(field->line, '_', field->name_length))
		return false;
	for (size_t i = 0; i < field->name_length; i++)
		name[i] = field->line[i] == '_' ? '-' : field->line[i];
	return (FIELD_BIT(head_field_id(name, field->name_length)) & (REMOVAL_FORWARDING | REMOVAL_CERTIFICATE)) != 0;
}

bool removal_has_name(const struct removal *removal, struct span name)
{
	for (unsigned i = 0; i < removal->named_count; i++) {
		if (span_same(removal->named[i], name))
			return true;
	}
	return false;
}

/* Adds a member of Connection to what is removed. False when there are too many. */
static bool add_member(struct removal *removal, struct span member)
{
	enum field_id id = head_field_id(member.at, member.length);
	removal->ids |= FIELD_BIT(id) & ~(uint32_t)NEVER_NAMED;
	if (id != FIELD_other || span_is(member, "close"))
		return true;
	if (removal_has_name(removal, member))
		return true;
	if (removal->named_count == REMOVAL_NAMED_MAX)
		return false;
	removal->named[removal->named_count++] = member;
	return true;
}

bool removal_add_named(struct removal *removal, const struct head *head)
{
	if (head->first[FIELD_connection] == 0)
		return true;
	for (unsigned i = head->first[FIELD_connection] - 1; i < head->field_count; i++) {
		if (head->fields[i].id != FIELD_connection)
			continue;
		struct span list = {head->fields[i].value, head->fields[i].value_length}, member;
		while (span_take_member(&list, &member)) {
			if (!add_member(removal, member))
				return false;
		}
	}
	return true;
}
