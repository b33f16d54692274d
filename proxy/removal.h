/* Which field lines of a head are left out on its way through: by what they are, and by what Connection names. Pure. Part of fields.c's work. */
#ifndef TEAL_PROXY_REMOVAL_H
#define TEAL_PROXY_REMOVAL_H

#include "proxy/head.h"

#define REMOVAL_NAMED_MAX 64

enum {
	/* Connection, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade. */
	REMOVAL_HOP_BY_HOP = FIELD_BIT(FIELD_connection) | FIELD_BIT(FIELD_keep_alive) | FIELD_BIT(FIELD_proxy_connection) | FIELD_BIT(FIELD_te) |
			     FIELD_BIT(FIELD_transfer_encoding) | FIELD_BIT(FIELD_upgrade),
	/* What only a trusted peer may say. */
	REMOVAL_FORWARDING =
		FIELD_BIT(FIELD_forwarded) | FIELD_BIT(FIELD_x_forwarded_for) | FIELD_BIT(FIELD_x_forwarded_proto) | FIELD_BIT(FIELD_x_forwarded_host),
	/* What only we may say (RFC 9440 section 2.4). */
	REMOVAL_CERTIFICATE = FIELD_BIT(FIELD_client_cert) | FIELD_BIT(FIELD_client_cert_chain),
};

struct removal {
	uint32_t ids; /* FIELD_BIT() of each */
	bool aliases; /* see removal_is_alias */
	unsigned named_count;
	struct span named[REMOVAL_NAMED_MAX]; /* names that Connection holds and that have no id */
};

/* Nothing but these ids. */
static inline void removal_init(struct removal *removal, uint32_t ids)
{
	removal->ids = ids;
	removal->aliases = false;
	removal->named_count = 0;
}

/* Adds what the Connection fields of the head name, but for what the message can't do without. False when that are too many names. */
bool removal_add_named(struct removal *removal, const struct head *head);

/* Whether it is one of the names without an id. */
bool removal_has_name(const struct removal *removal, struct span name);

/* Whether a field that has no id is a forwarding one, or one of a certificate, with `_` for `-`: whoever makes variables of field names, as CGI does, takes the one for the other. */
bool removal_is_alias(const struct head_field *field);

static inline bool removal_has(const struct removal *removal, const struct head_field *field)
{
	if (removal->ids & FIELD_BIT(field->id))
		return true;
	if (removal->aliases && field->id == FIELD_other && removal_is_alias(field))
		return true;
	return field->id == FIELD_other && removal->named_count > 0 && removal_has_name(removal, (struct span){field->line, field->name_length});
}

#endif
