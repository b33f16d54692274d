/* What a name server said about one name and type, read from the bytes of its reply (RFC 1035, RFC 2308). Pure, control thread.
 *
 * Only records of the asked name count; a CNAME is reported with its own TTL and not followed. */
#ifndef TEAL_DNS_RRSET_H
#define TEAL_DNS_RRSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the types that are asked for; the values are those of the protocol. */
enum rrset_type { RRSET_A = 1, RRSET_NS = 2, RRSET_CNAME = 5, RRSET_AAAA = 28 };

enum rrset_kind {
	RRSET_RECORDS,     /* of the asked type */
	RRSET_ALIAS,       /* a CNAME instead of the asked type; its target is the only value */
	RRSET_NO_RECORDS,  /* the name exists, or may exist, without such a record (NODATA) */
	RRSET_NO_NAME,     /* NXDOMAIN */
	RRSET_REFERRAL,    /* nothing but the name servers of a zone further down or up: not this server's */
	RRSET_REFUSED,     /* REFUSED, NOTAUTH, NOTIMP */
	RRSET_FAILED,      /* SERVFAIL and every other code */
	RRSET_GARBLED,     /* no DNS reply to this question, or cut */
	RRSET_SILENT,      /* no reply in time */
	RRSET_UNREACHABLE, /* the network or the host said no */
};

/* More records than Route 53 allows in a set; what is beyond sets `cut`. */
#define RRSET_VALUES_MAX 128u
/* No resolver is expected to keep anything longer (RFC 8767, section 4): a larger TTL is read as this. */
#define RRSET_TTL_MAX 604800u

struct rrset {
	enum rrset_kind kind;
	bool authoritative; /* AA */
	bool cut;
	uint32_t ttl_s; /* the longest of the values; of an absent record the negative TTL, 0 where no SOA tells it */
	size_t count;
	char **values; /* sorted, each once: addresses as inet_ntop writes them, names in full (dns/r53_name). RRSET_REFERRAL: the zone's name servers, if the zone is the asked name */
};

/* `name` in full (dns/r53_name). Whatever the bytes are, `out` is set; rrset_fini frees what it holds. */
void rrset_read(const unsigned char *bytes, size_t length, const char *name, enum rrset_type type, struct rrset *out);
void rrset_fini(struct rrset *rrset);

/* The spelling of a value given by people or by Route 53 as it is in `values`, which the caller frees; NULL when it isn't one of that type. */
char *rrset_parse_value(const char *text, enum rrset_type type);
/* Sorts in place and frees what is there twice; returns how many are left. */
size_t rrset_sort_values(char **values, size_t count);
bool rrset_has_value(char *const *values, size_t count, const char *value);

/* `A`, `AAAA`, `CNAME`, `NS`; false when it is none of them. */
bool rrset_parse_type(const char *text, enum rrset_type *type);
const char *rrset_type_name(enum rrset_type type);

#endif
