/* libexpat's events into a tree. Any thread. Knows no document: what must be where is asked by xml_find. */
#include "dns/xml.h"

#include <assert.h>
#include <expat.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

#define SEPARATOR ' ' /* between namespace and local name; stands in no URI */

struct xml {
	struct xml_node *nodes; /* the first is the root */
	size_t count, room;
	char *bytes; /* names and texts */
	size_t used, size;
};

struct reading {
	XML_Parser parser;
	struct xml *xml;
	struct xml_node *open[XML_DEPTH_MAX];
	const struct xml_node **end[XML_DEPTH_MAX]; /* where the next child of each goes */
	unsigned depth;
	enum xml_fault fault;
};

/* ---- memory of libexpat, which holds copies of what it reads: wiped before it goes ---- */

static void free_wiped(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

static void *grow_wiped(void *old, size_t size)
{
	void *grown = malloc(size);
	size_t kept = old ? malloc_usable_size(old) : 0;
	if (grown && old)
		memcpy(grown, old, kept < size ? kept : size);
	if (grown)
		free_wiped(old);
	return grown;
}

/* ---- the tree ---- */

static void stop(struct reading *reading, enum xml_fault fault)
{
	if (reading->fault == XML_WELL)
		reading->fault = fault;
	XML_StopParser(reading->parser, XML_FALSE);
}

/* Names and texts are never longer than what they were read from, brackets included: there always is room. */
static void keep(struct xml *xml, const char *bytes, size_t length)
{
	assert(xml->used + length <= xml->size);
	memcpy(xml->bytes + xml->used, bytes, length);
	xml->used += length;
}

/* What is added behind the name, up to the next element or the end of this one, is its text. */
static void open_element(struct reading *reading, const char *name)
{
	struct xml *xml = reading->xml;
	struct xml_node *node = &xml->nodes[xml->count++];
	const char *space = strrchr(name, SEPARATOR), *local = space ? space + 1 : name;
	node->name = xml->bytes + xml->used;
	keep(xml, local, strlen(local) + 1);
	node->text = xml->bytes + xml->used;
	if (reading->depth > 0) {
		*reading->end[reading->depth - 1] = node;
		reading->end[reading->depth - 1] = &node->next;
	}
	reading->open[reading->depth] = node;
	reading->end[reading->depth++] = &node->child;
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reading *reading = arg;
	(void)attributes;
	if (reading->fault != XML_WELL)
		return;
	if (reading->depth >= XML_DEPTH_MAX)
		stop(reading, XML_TOO_DEEP);
	else if (reading->xml->count >= reading->xml->room)
		stop(reading, XML_TOO_LARGE);
	else
		open_element(reading, name);
}

static void on_end(void *arg, const XML_Char *name)
{
	struct reading *reading = arg;
	(void)name;
	if (reading->fault != XML_WELL)
		return;
	struct xml_node *node = reading->open[--reading->depth];
	if (node->child)
		node->text = "";
	else
		keep(reading->xml, "", 1);
}

static void on_characters(void *arg, const XML_Char *bytes, int length)
{
	struct reading *reading = arg;
	if (reading->fault == XML_WELL && reading->depth > 0 && !reading->open[reading->depth - 1]->child)
		keep(reading->xml, bytes, (size_t)length);
}

static void on_declaration(void *arg, const XML_Char *version, const XML_Char *encoding, int standalone)
{
	(void)version, (void)standalone;
	if (encoding && strcasecmp(encoding, "UTF-8") != 0 && strcasecmp(encoding, "US-ASCII") != 0)
		stop(arg, XML_ENCODING);
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void)name, (void)system, (void)public, (void)internal;
	stop(arg, XML_DOCTYPE);
}

/* ---- reading ---- */

static bool is_blank(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!strchr(" \t\r\n", bytes[i]) || bytes[i] == '\0')
			return false;
	return true;
}

static void parse(struct reading *reading, const char *bytes, size_t length)
{
	static const XML_Memory_Handling_Suite wiping = {malloc, grow_wiped, free_wiped};
	static const XML_Char separator[] = {SEPARATOR, '\0'};
	/* The encoding given here wins over the one that is declared. */
	reading->parser = XML_ParserCreate_MM("UTF-8", &wiping, separator);
	if (!reading->parser)
		abort(); /* out of memory */
	XML_SetUserData(reading->parser, reading);
	XML_SetElementHandler(reading->parser, on_start, on_end);
	XML_SetCharacterDataHandler(reading->parser, on_characters);
	XML_SetXmlDeclHandler(reading->parser, on_declaration);
	XML_SetStartDoctypeDeclHandler(reading->parser, on_doctype);
	if (XML_Parse(reading->parser, bytes, (int)length, XML_TRUE) != XML_STATUS_OK && reading->fault == XML_WELL)
		reading->fault = XML_MALFORMED;
	XML_ParserFree(reading->parser);
}

static size_t count_brackets(const char *bytes, size_t length)
{
	size_t count = 0;
	for (const char *at = bytes; (at = memchr(at, '<', length - (size_t)(at - bytes))); at++)
		count++;
	return count;
}

static struct xml *new_xml(const char *bytes, size_t length)
{
	struct xml *xml = memory_new(sizeof(*xml));
	size_t brackets = count_brackets(bytes, length);
	xml->room = brackets < XML_NODES_MAX ? brackets : XML_NODES_MAX;
	xml->nodes = memory_array(xml->room + 1, sizeof(*xml->nodes));
	xml->size = length + 1;
	xml->bytes = memory_new(xml->size);
	return xml;
}

/* What can be told without a parser. A NUL is in every document in UTF-16, which libexpat would read by its byte order mark whatever encoding it was told. */
static enum xml_fault look_at(const char *bytes, size_t length)
{
	if (length > XML_SIZE_MAX)
		return XML_TOO_LARGE;
	if (is_blank(bytes, length))
		return XML_EMPTY;
	return memchr(bytes, '\0', length) ? XML_MALFORMED : XML_WELL;
}

struct xml *xml_read(const char *bytes, size_t length, enum xml_fault *fault)
{
	*fault = look_at(bytes, length);
	if (*fault != XML_WELL)
		return NULL;
	struct reading reading = {.xml = new_xml(bytes, length)};
	parse(&reading, bytes, length);
	*fault = reading.fault;
	if (reading.fault == XML_WELL)
		return reading.xml;
	xml_free(reading.xml);
	return NULL;
}

void xml_free(struct xml *xml)
{
	if (!xml)
		return;
	explicit_bzero(xml->bytes, xml->size);
	free(xml->bytes);
	free(xml->nodes);
	free(xml);
}

const char *xml_explain_fault(enum xml_fault fault)
{
	switch (fault) {
	case XML_WELL:
		return "is well-formed";
	case XML_EMPTY:
		return "is empty";
	case XML_MALFORMED:
		return "is cut off or no XML";
	case XML_ENCODING:
		return "is in another encoding than UTF-8";
	case XML_DOCTYPE:
		return "has a DOCTYPE, which is not accepted";
	case XML_TOO_LARGE:
		return "is larger than any answer that is expected";
	case XML_TOO_DEEP:
		return "is nested deeper than any answer that is expected";
	}
	assert(false); /* a fault that xml_read doesn't have */
	return "";
}

/* ---- asking ---- */

const struct xml_node *xml_root(const struct xml *xml)
{
	return &xml->nodes[0];
}

static const struct xml_node *find_child(const struct xml_node *node, const char *name, size_t length)
{
	for (const struct xml_node *child = node->child; child; child = child->next)
		if (strncmp(child->name, name, length) == 0 && child->name[length] == '\0')
			return child;
	return NULL;
}

const struct xml_node *xml_find(const struct xml_node *node, const char *path)
{
	while (node && *path) {
		size_t length = strcspn(path, "/");
		node = find_child(node, path, length);
		path += length;
		path += *path == '/';
	}
	return node;
}

const char *xml_find_text(const struct xml_node *node, const char *path)
{
	const struct xml_node *found = xml_find(node, path);
	return found ? found->text : NULL;
}
