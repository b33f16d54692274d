/* Versions of a record beside replies. Control thread. Looks nothing up: the addresses of an alias's target are given. */
#include "dns/version.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dns/r53_name.h"

static bool set_target(struct version *version, const struct propagation_record *record, struct err *err)
{
	char full[R53_NAME_SIZE], shown[R53_NAME_SIZE];
	if (record->count != 1 || !r53_name_make_full(record->values[0], full, err))
		return record->count == 1 ? false : err_set(err, "an alias has one target, not %zu", record->count);
	r53_name_show(full, shown);
	if (strlen(shown) >= sizeof(version->target))
		return err_set(err, "the alias target \"%.255s\" is no host name", shown);
	memcpy(version->target, shown, strlen(shown) + 1);
	return true;
}

static bool add_values(struct version *version, const struct propagation_record *record, struct err *err)
{
	if (record->count > RRSET_VALUES_MAX)
		return err_set(err, "a record has at most %u values, not %zu", RRSET_VALUES_MAX, record->count);
	version->values = record->count ? memory_array(record->count, sizeof(*version->values)) : NULL;
	for (size_t i = 0; i < record->count; i++) {
		char *value = rrset_parse_value(record->values[i], version->type);
		if (!value)
			return err_set(err, "\"%.255s\" is no value of a record of type %s", record->values[i], rrset_type_name(version->type));
		version->values[version->count++] = value;
	}
	version->count = rrset_sort_values(version->values, version->count);
	return true;
}

bool version_init(struct version *version, const struct propagation_record *record, enum rrset_type type, struct err *err)
{
	uint32_t ttl_s = record->ttl_s < RRSET_TTL_MAX ? record->ttl_s : RRSET_TTL_MAX; /* as it is read from replies */
	*version = (struct version){.type = type, .alias = record->alias, .ttl_s = ttl_s};
	return record->alias ? set_target(version, record, err) : add_values(version, record, err);
}

void version_fini(struct version *version)
{
	for (size_t i = 0; i < version->count; i++)
		free(version->values[i]);
	free(version->values);
	version->values = NULL;
	version->count = 0;
}

void version_add_address(struct version *version, const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];
	if (version->count == RRSET_VALUES_MAX || (addr->kind == ADDR_IPV4) != (version->type == RRSET_A))
		return;
	addr_format_host(addr, text, sizeof(text));
	version->values = memory_grow(version->values, version->count + 1, sizeof(*version->values));
	version->values[version->count++] = memory_text(text);
	version->count = rrset_sort_values(version->values, version->count);
}

static bool has_any(const struct version *version, const struct rrset *reply)
{
	for (size_t i = 0; i < reply->count; i++)
		if (rrset_has_value(version->values, version->count, reply->values[i]))
			return true;
	return false;
}

static bool has_all(const struct version *version, const struct rrset *reply)
{
	if (version->count != reply->count || reply->cut)
		return false;
	for (size_t i = 0; i < reply->count; i++)
		if (strcmp(version->values[i], reply->values[i]) != 0)
			return false;
	return true;
}

static bool fits(const struct version *version, const struct rrset *reply)
{
	if (reply->kind == RRSET_NO_RECORDS || reply->kind == RRSET_NO_NAME)
		return version->count == 0 && !version->alias;
	if (reply->kind != RRSET_RECORDS)
		return false;
	return version->alias ? has_any(version, reply) : has_all(version, reply);
}

/* Between two versions that answer with the same values. */
static enum propagation_answer judge_by_ttl(const struct version *old, const struct version *new, const struct rrset *reply)
{
	if (old->alias || new->alias || old->ttl_s == new->ttl_s)
		return PROPAGATION_EITHER;
	return reply->ttl_s == new->ttl_s ? PROPAGATION_NEW : reply->ttl_s == old->ttl_s ? PROPAGATION_OLD : PROPAGATION_OTHER;
}

enum propagation_answer version_judge(const struct version *old, const struct version *new, const struct rrset *reply)
{
	bool is_old = fits(old, reply), is_new = fits(new, reply);
	if (is_old && is_new)
		return judge_by_ttl(old, new, reply);
	if (is_old || is_new)
		return is_new ? PROPAGATION_NEW : PROPAGATION_OLD;
	return reply->kind == RRSET_NO_RECORDS || reply->kind == RRSET_NO_NAME ? PROPAGATION_ABSENT : PROPAGATION_OTHER;
}
