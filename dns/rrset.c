/* Reading replies: ns_initparse and ns_parserr find the records, which are bounded here. Control thread. Asks nothing. */
#include "dns/rrset.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dns/domain.h"
#include "dns/safe_at.h"

/* A reply has at most this many records looked at: of what a server of a zone sends for one type, none is longer. */
#define RECORDS_MAX 512

static const struct {
	const char *name;
	enum rrset_type type;
} TYPES[] = {{"A", RRSET_A}, {"AAAA", RRSET_AAAA}, {"CNAME", RRSET_CNAME}, {"NS", RRSET_NS}};

bool rrset_parse_type(const char *text, enum rrset_type *type)
{
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
		if (strcmp(TYPES[i].name, text) == 0) {
			*type = TYPES[i].type;
			return true;
		}
	return false;
}

const char *rrset_type_name(enum rrset_type type)
{
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
		if (TYPES[i].type == type)
			return TYPES[i].name;
	return "?";
}

/* --- values ---------------------------------------------------------------------------------------------------------- */

static char *parse_address(const char *text, int family)
{
	unsigned char bytes[16];
	char out[INET6_ADDRSTRLEN];
	return inet_pton(family, text, bytes) == 1 ? memory_text(inet_ntop(family, bytes, out, sizeof(out))) : NULL;
}

char *rrset_parse_value(const char *text, enum rrset_type type)
{
	if (type == RRSET_A || type == RRSET_AAAA)
		return parse_address(text, type == RRSET_A ? AF_INET : AF_INET6);
	char full[R53_NAME_SIZE];
	return r53_name_make_full(text, full, NULL) ? memory_text(full) : NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t rrset_sort_values(char **values, size_t count)
{
	size_t unique = 0;
	if (count > 1)
		qsort(values, count, sizeof(*values), compare);
	for (size_t i = 0; i < count; i++)
		if (unique > 0 && strcmp(values[unique - 1], values[i]) == 0)
			free(values[i]);
		else
			values[unique++] = values[i];
	return unique;
}

bool rrset_has_value(char *const *values, size_t count, const char *value)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(values[i], value) == 0)
			return true;
	return false;
}

void rrset_fini(struct rrset *rrset)
{
	for (size_t i = 0; i < rrset->count; i++)
		free(rrset->values[i]);
	free(rrset->values);
	*rrset = (struct rrset){.kind = rrset->kind};
}

/* --- records --------------------------------------------------------------------------------------------------------- */

static char *read_name(const ns_msg *message, const unsigned char *at)
{
	unsigned char wire[NS_MAXCDNAME];
	char full[R53_NAME_SIZE];
	if (ns_name_unpack(ns_msg_base(*message), ns_msg_end(*message), at, wire, sizeof(wire)) < 0)
		return NULL;
	domain_from_wire(wire, full);
	return memory_text(full);
}

/* NULL when the record's data is none of its type. */
static char *read_value(const ns_msg *message, const ns_rr *record)
{
	char out[INET6_ADDRSTRLEN];
	switch (ns_rr_type(*record)) {
	case ns_t_a:
		return ns_rr_rdlen(*record) == 4 ? memory_text(inet_ntop(AF_INET, ns_rr_rdata(*record), out, sizeof(out))) : NULL;
	case ns_t_aaaa:
		return ns_rr_rdlen(*record) == 16 ? memory_text(inet_ntop(AF_INET6, ns_rr_rdata(*record), out, sizeof(out))) : NULL;
	case ns_t_ns:
	case ns_t_cname:
		return read_name(message, ns_rr_rdata(*record));
	default:
		return NULL;
	}
}

static bool is_owned_by(const ns_rr *record, const char *name)
{
	char full[R53_NAME_SIZE];
	return domain_from_printed(ns_rr_name(*record), full) && strcmp(full, name) == 0;
}

static uint32_t bound_ttl(uint32_t ttl_s)
{
	return ttl_s < RRSET_TTL_MAX ? ttl_s : RRSET_TTL_MAX;
}

/* Adds the value of a record. False at one that can't be read. */
static bool add_record(struct rrset *rrset, const ns_msg *message, const ns_rr *record)
{
	char *value = read_value(message, record);
	if (!value)
		return false;
	uint32_t ttl_s = bound_ttl(ns_rr_ttl(*record));
	rrset->ttl_s = ttl_s > rrset->ttl_s ? ttl_s : rrset->ttl_s;
	if (rrset->count == RRSET_VALUES_MAX) {
		rrset->cut = true;
		free(value);
		return true;
	}
	rrset->values = memory_grow(rrset->values, rrset->count + 1, sizeof(*rrset->values));
	rrset->values[rrset->count++] = value;
	return true;
}

/* Adds the records of that type and owner in one section. False when the section can't be read. */
static bool read_section(struct rrset *rrset, ns_msg *message, ns_sect section, const char *name, enum rrset_type type)
{
	int count = ns_msg_count(*message, section);
	for (int i = 0; i < count && i < RECORDS_MAX; i++) {
		ns_rr record;
		if (ns_parserr(message, section, i, &record) != 0)
			return false;
		if (ns_rr_class(record) == ns_c_in && (int)ns_rr_type(record) == (int)type && is_owned_by(&record, name) &&
			!add_record(rrset, message, &record))
			return false;
	}
	rrset->cut = rrset->cut || count > RECORDS_MAX;
	rrset->count = rrset_sort_values(rrset->values, rrset->count);
	return true;
}

/* MINIMUM is the last field of an SOA's data (RFC 1035, section 3.3.13). */
static bool read_negative_ttl(const ns_rr *record, uint32_t *ttl_s)
{
	unsigned length = ns_rr_rdlen(*record);
	if (length < 22)
		return false;
	uint32_t minimum_s = (uint32_t)ns_get32(ns_rr_rdata(*record) + length - 4);
	*ttl_s = bound_ttl(safe_at_negative_ttl((uint32_t)ns_rr_ttl(*record), minimum_s));
	return true;
}

/* Whether the authority section has the SOA that an absence is told with, or else name servers. */
static bool read_authority(struct rrset *rrset, ns_msg *message, bool *soa, bool *servers)
{
	int count = ns_msg_count(*message, ns_s_ns);
	*soa = *servers = false;
	for (int i = 0; i < count && i < RECORDS_MAX; i++) {
		ns_rr record;
		if (ns_parserr(message, ns_s_ns, i, &record) != 0)
			return false;
		*servers = *servers || ns_rr_type(record) == ns_t_ns;
		if (ns_rr_type(record) == ns_t_soa && read_negative_ttl(&record, &rrset->ttl_s))
			*soa = true;
	}
	return true;
}

/* Nothing in the answer: a referral, or no such record. */
static bool read_absence(struct rrset *rrset, ns_msg *message, const char *name)
{
	bool soa, servers;
	if (!read_authority(rrset, message, &soa, &servers))
		return false;
	rrset->kind = servers && !soa && !rrset->authoritative ? RRSET_REFERRAL : RRSET_NO_RECORDS;
	return rrset->kind != RRSET_REFERRAL || read_section(rrset, message, ns_s_ns, name, RRSET_NS);
}

static bool read_answer(struct rrset *rrset, ns_msg *message, const char *name, enum rrset_type type)
{
	rrset->kind = RRSET_RECORDS;
	if (!read_section(rrset, message, ns_s_an, name, type))
		return false;
	if (rrset->count > 0)
		return true;
	rrset->kind = RRSET_ALIAS;
	if (!read_section(rrset, message, ns_s_an, name, RRSET_CNAME))
		return false;
	return rrset->count > 0 || read_absence(rrset, message, name);
}

static bool read_no_name(struct rrset *rrset, ns_msg *message, const char *name)
{
	bool soa, servers;
	rrset->kind = RRSET_ALIAS; /* a CNAME whose target is missing is answered NXDOMAIN too (RFC 2308, section 2.1) */
	if (!read_section(rrset, message, ns_s_an, name, RRSET_CNAME))
		return false;
	if (rrset->count > 0)
		return true;
	rrset->kind = RRSET_NO_NAME;
	return read_authority(rrset, message, &soa, &servers);
}

/* False when the message is not what its header promises. */
static bool read_message(struct rrset *rrset, ns_msg *message, const char *name, enum rrset_type type)
{
	ns_rr question;
	if (!ns_msg_getflag(*message, ns_f_qr) || ns_msg_getflag(*message, ns_f_tc) || ns_msg_count(*message, ns_s_qd) != 1)
		return false;
	if (ns_parserr(message, ns_s_qd, 0, &question) != 0 || (int)ns_rr_type(question) != (int)type || !is_owned_by(&question, name))
		return false;
	rrset->authoritative = ns_msg_getflag(*message, ns_f_aa);
	switch (ns_msg_getflag(*message, ns_f_rcode)) {
	case ns_r_noerror:
		return read_answer(rrset, message, name, type);
	case ns_r_nxdomain:
		return read_no_name(rrset, message, name);
	case ns_r_refused:
	case ns_r_notauth:
	case ns_r_notimpl:
		rrset->kind = RRSET_REFUSED;
		return true;
	default:
		rrset->kind = RRSET_FAILED;
		return true;
	}
}

void rrset_read(const unsigned char *bytes, size_t length, const char *name, enum rrset_type type, struct rrset *out)
{
	ns_msg message;
	*out = (struct rrset){0};
	if (length <= INT_MAX && ns_initparse(bytes, (int)length, &message) == 0 && read_message(out, &message, name, type))
		return;
	out->kind = RRSET_GARBLED;
	rrset_fini(out);
}
