/* Small XML documents of a peer (answers of Route 53 and of STS) as a tree, and the escapes to write some. Pure; any thread.
 *
 * Takes UTF-8 alone, refuses every DOCTYPE (so there are no entities but the five of XML and character references), and is bounded in bytes, depth and elements. Names are
 * local ones: prefixes and namespaces are gone, and so are attributes, comments and processing instructions. What is read is wiped when it is freed, as it may hold secrets. */
#ifndef TEAL_DNS_XML_H
#define TEAL_DNS_XML_H

#include <stddef.h>

#include "base/text.h"

#define XML_SIZE_MAX ((size_t)2 * 1024 * 1024)
#define XML_DEPTH_MAX 16u
#define XML_NODES_MAX 100000u

struct xml; /* a document */

struct xml_node {
	const char *name; /* local */
	const char *text; /* its own characters, never NULL; "" for one that has children */
	const struct xml_node *child, *next;
};

enum xml_fault {
	XML_WELL,      /* read */
	XML_EMPTY,     /* nothing there, or white space */
	XML_MALFORMED, /* no XML, cut off, or something behind the root */
	XML_ENCODING,  /* declared as something else than UTF-8 */
	XML_DOCTYPE,   /* has one */
	XML_TOO_LARGE, /* in bytes or elements */
	XML_TOO_DEEP,
};

/* NULL and *fault when it can't be read. `bytes` needn't end in NUL. */
struct xml *xml_read(const char *bytes, size_t length, enum xml_fault *fault);
/* NULL is allowed. */
void xml_free(struct xml *xml);
/* A few words: "is cut off or no XML". */
const char *xml_explain_fault(enum xml_fault fault);

const struct xml_node *xml_root(const struct xml *xml);
/* The first child of a name, or what is reached over several: `Error/Code`. NULL when there is none, and of NULL. */
const struct xml_node *xml_find(const struct xml_node *node, const char *path);
/* Its text, or NULL when there is none. */
const char *xml_find_text(const struct xml_node *node, const char *path);

/* Appends a text as the content of an element. What XML can't hold (controls, bytes that aren't UTF-8) becomes '?'. */
void xml_add_escaped(struct text *out, const char *text);
/* Appends `<name>text</name>`. */
void xml_add_element(struct text *out, const char *name, const char *text);

#endif
