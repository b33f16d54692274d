/* Every key of teal.yaml, in one table: what it takes, where it goes, what it means. Constant.
 *
 * Feeds the parser, the defaults, `teal check` and docs/configuration.md. */
#ifndef TEAL_CONF_KEYS_H
#define TEAL_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_type {
	/* one map */
	KEY_MAP,
	KEY_MAP_ON,     /* whose presence is stored as bool */
	KEY_MAP_OR_OFF, /* or the bare word off */
	KEY_MAP_OR_ONE, /* or the bare value of its key `bare` */
	KEY_SERVICES,   /* a map of name to service */
	/* one scalar */
	KEY_TEXT,
	KEY_FILE,
	KEY_LOG_FILE,      /* absolute; a path or a glob */
	KEY_ABSOLUTE_FILE, /* absolute */
	KEY_BESIDE_FILE,   /* a relative path counts from the folder of teal.yaml */
	KEY_PATTERN,
	KEY_URL,      /* of a server, as base/url has it */
	KEY_POST_URL, /* the whole of one, which may be a secret */
	KEY_SOCKET,   /* a file's name that fits a unix socket */
	KEY_WORD,     /* an enum, in the order of the words */
	KEY_EITHER,   /* one of two words, stored as bool */
	KEY_COUNT,
	KEY_DURATION,
	KEY_SIZE,
	KEY_SHARE,
	KEY_ABOVE, /* the bound of conf_prometheus, on either side */
	KEY_BELOW,
	KEY_ADDRESS,       /* of a listener */
	KEY_ADMIN_ADDRESS, /* of the admin API */
	KEY_PREVIEW_ADDRESS,
	KEY_TARGET, /* path and query of a request */
	KEY_AUTHORITY,
	KEY_SERVER_NAME, /* a name of DNS, kept in lower case */
	KEY_METHOD,
	KEY_BODY,   /* any text */
	KEY_TOKEN,  /* the name of a cookie or a field */
	KEY_FIELD,  /* of a field that is not teal's own to send */
	KEY_FREEZE, /* the beginning or the end of a conf_freeze */
	KEY_ZONE,
	KEY_SECONDS,
	KEY_HSTS,        /* `off` or a duration of whole seconds, for a conf_hsts */
	KEY_HOSTED_ZONE, /* an id of Route 53 */
	KEY_RECORD,      /* the name of a record, kept in lower case without the dot at the end */
	KEY_RECORD_TARGET,
	KEY_REGION,
	KEY_ENDPOINT, /* of an API: https, or http to this machine */
	KEY_HEALTH_ADDRESS,
	/* lists of scalars; what is written takes the place of the default */
	KEY_HOSTS,
	KEY_PATHS,
	KEY_BACKENDS,
	KEY_METHODS,
	KEY_BLOCKS,
	KEY_STATUSES, /* or one scalar */
	KEY_WORDS,    /* bits of an unsigned, in the order of the words */
	KEY_COMMAND,  /* a program and its arguments; the array ends with NULL and has no count */
	KEY_STEPS,    /* rising shares in percent, stored in hundredths of one */
	KEY_FIELDS,   /* names of header fields */
	KEY_POINTERS, /* places in a JSON body */
	KEY_SERVERS,  /* name servers */
	KEY_VALUES,   /* what a record holds: a list, or one scalar, or a map of an alias. Their form depends on the record's type: conf/r53_check */
	/* lists of maps, each an element of an array */
	KEY_MAPS,
	KEY_HOOKS, /* an element may be the list that its key `run` takes */
	/* a map of name to text */
	KEY_HEADERS,
	KEY_SENT_HEADERS, /* of a request that teal sends */
};

/* Which services may have a key. */
enum key_via { KEY_VIA_ANY, KEY_VIA_PROXY, KEY_VIA_ROUTE53 };

#define KEY_NOWHERE SIZE_MAX

struct key {
	const char *path; /* dotted; `*` is the name of a service, `[]` each element of a list */
	enum key_type type;
	size_t at;                /* offset in struct conf, in conf_service or in an element of a list of maps, by the path; KEY_NOWHERE: only checked */
	const char *fallback;     /* the default as it would be written, elements of a list with ", " between them; NULL: none */
	const char *shown;        /* what the manual says of a default that is not in the table */
	const char *const *words; /* of KEY_WORD, KEY_WORDS, KEY_EITHER; of KEY_COUNT, KEY_DURATION and KEY_HSTS the one word that stands for 0 */
	const char *bare;         /* of KEY_MAP_OR_ONE: the key below it whose value may stand for the mapping */
	uint64_t least, most;     /* value, length of a text in bytes, elements of a list; of KEY_SHARE in hundredths of a percent, a most of 0 being 100 % */
	const char *missing;      /* the key is required; what to do when it is missing */
	const char *instead;      /* the key beside it of which there may be only one or the other; it stands in for one that is required */
	size_t count_at;          /* of an array at `at`: offset of its length */
	size_t size;              /* of a list of maps: of an element, which is all 0 to begin with */
	const char *sample;       /* of a list of maps: an element as it would be written */
	enum key_via via;         /* of a key of a service: where it has a meaning, and with it all that is below */
	const char *text;         /* a sentence or two for the manual */
};

/* The whole table; *count is its length. Children follow their parent. */
const struct key *key_table(size_t *count);
/* By the path with `*` and `[]`, or NULL. */
const struct key *key_find(const char *path);
/* The word that is meant by a misspelt one: the nearest, or the only one that goes on where it ends, as `latency_p99` for `latency`; else NULL. `words` ends with NULL. */
const char *key_guess(const char *text, const char *const *words);
/* When `key` is a direct child of the map `parent` ("" for the root): its last word, else NULL. */
const char *key_child(const struct key *key, const char *parent);

/* The words for the children of `parent`, ending with NULL. `names` holds KEY_CHILDREN_MAX + 1 of them. */
#define KEY_CHILDREN_MAX 32
void key_list_children(const char *parent, const char *names[KEY_CHILDREN_MAX + 1]);

#endif
