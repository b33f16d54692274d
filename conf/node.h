/* A YAML document as a tree that still knows where everything was written. Control thread.
 *
 * Scalars stay text: what `off` or `1.10` means is up to the key that holds it. One document; anchors, aliases and tags are refused; depth and the number of
 * nodes are bounded. */
#ifndef TEAL_CONF_NODE_H
#define TEAL_CONF_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/fault.h"

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	unsigned line, column; /* of the value, from 1; the column counts characters */
	char *text;            /* NODE_TEXT */
	bool plain;            /* NODE_TEXT without quotes */
	char *key;             /* of an entry of a map, else NULL */
	unsigned key_line, key_column;
	struct node *first, *last; /* of NODE_LIST and NODE_MAP */
	size_t count;
	struct node *next, *parent;
};

#define NODE_DEPTH_MAX 32u
#define NODE_COUNT_MAX 500000u

/* NULL when the bytes are no such document (there is a fault then), or hold none at all (there is none then). Repeated keys are faults too; the tree keeps the first. */
struct node *node_parse(const char *bytes, size_t length, struct fault_list *faults);
void node_free(struct node *node);

/* The entry of a map with this key, or NULL. */
const struct node *node_find(const struct node *map, const char *key);
/* Nothing was written: `key:`, `~` or `null`. */
bool node_is_null(const struct node *node);
/* "a mapping", "a list", "nothing", or the start of the text in quotes. */
#define NODE_DESCRIPTION_SIZE 96
const char *node_describe(const struct node *node, char out[NODE_DESCRIPTION_SIZE]);

#endif
