/* Builds the tree of a YAML document from libyaml's events. Control thread. Knows no key and gives no scalar a meaning. */
#include "conf/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"

struct builder {
	yaml_parser_t parser;
	struct fault_list *faults;
	struct node *root, *open; /* `open`: the list or map whose end has not come */
	char *key;                /* of the next value in an open map */
	unsigned key_line, key_column;
	unsigned depth, count;
	bool failed;
};

static unsigned line_of(yaml_mark_t mark)
{
	return (unsigned)mark.line + 1;
}

static unsigned column_of(yaml_mark_t mark)
{
	return (unsigned)mark.column + 1;
}

static void fail(struct builder *builder, yaml_mark_t mark, const char *sentence)
{
	fault_add(builder->faults, line_of(mark), column_of(mark), "%s", sentence);
	builder->failed = true;
}

static struct node *new_node(struct builder *builder, enum node_kind kind, const yaml_event_t *event)
{
	struct node *node = memory_new(sizeof(*node));
	node->kind = kind;
	node->line = line_of(event->start_mark);
	node->column = column_of(event->start_mark);
	node->key = builder->key;
	node->key_line = builder->key_line;
	node->key_column = builder->key_column;
	builder->key = NULL;
	return node;
}

static void attach(struct builder *builder, struct node *node)
{
	struct node *parent = builder->open;
	node->parent = parent;
	if (!parent) {
		builder->root = node;
		return;
	}
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->count++;
}

static bool expects_key(const struct builder *builder)
{
	return builder->open && builder->open->kind == NODE_MAP && !builder->key;
}

static char *copy_text(struct builder *builder, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	if (strlen(value) != event->data.scalar.length)
		fail(builder, event->start_mark, "a NUL character is not allowed");
	return memory_text(value);
}

static void on_scalar(struct builder *builder, const yaml_event_t *event)
{
	char *text = copy_text(builder, event);
	if (expects_key(builder)) {
		builder->key = text;
		builder->key_line = line_of(event->start_mark);
		builder->key_column = column_of(event->start_mark);
		return;
	}
	struct node *node = new_node(builder, NODE_TEXT, event);
	node->text = text;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	attach(builder, node);
}

static void on_begin(struct builder *builder, enum node_kind kind, const yaml_event_t *event)
{
	if (expects_key(builder)) {
		fail(builder, event->start_mark, "a key must be a plain word, not a list or a mapping");
		return;
	}
	if (++builder->depth > NODE_DEPTH_MAX) {
		fail(builder, event->start_mark, "lists and mappings are nested too deeply");
		return;
	}
	struct node *node = new_node(builder, kind, event);
	attach(builder, node);
	builder->open = node;
}

struct seen {
	struct node *node;
	size_t order;
};

static int compare_seen(const void *left, const void *right)
{
	const struct seen *a = left, *b = right;
	int by_key = strcmp(a->node->key, b->node->key);
	if (by_key != 0)
		return by_key;
	return a->order < b->order ? -1 : 1;
}

/* Frees the entries whose key was there before (they are marked by a NULL key). */
static void drop_repeated(struct node *map)
{
	struct node **link = &map->first;
	map->last = NULL;
	map->count = 0;
	while (*link) {
		struct node *node = *link;
		if (!node->key) {
			*link = node->next;
			node_free(node);
			continue;
		}
		map->last = node;
		map->count++;
		link = &node->next;
	}
}

/* Sorting keeps a map of many keys from costing the square of their number. */
static void find_repeated(struct builder *builder, struct node *map)
{
	struct seen *seen = memory_array(map->count, sizeof(*seen));
	size_t count = 0, first = 0;
	for (struct node *node = map->first; node; node = node->next, count++)
		seen[count] = (struct seen){node, count};
	qsort(seen, count, sizeof(*seen), compare_seen);
	for (size_t i = 1; i < count; i++) {
		struct node *node = seen[i].node;
		if (strcmp(node->key, seen[first].node->key) != 0) {
			first = i;
			continue;
		}
		fault_add(builder->faults, node->key_line, node->key_column, "key '%.64s' is given twice, first on line %u: keep one", node->key,
			seen[first].node->key_line);
		free(node->key);
		node->key = NULL;
	}
	free(seen);
	drop_repeated(map);
}

static void on_end(struct builder *builder)
{
	if (builder->open->kind == NODE_MAP && builder->open->count > 1)
		find_repeated(builder, builder->open);
	builder->open = builder->open->parent;
	builder->depth--;
}

static bool has_mark(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static void on_event(struct builder *builder, const yaml_event_t *event)
{
	if (has_mark(event)) {
		fail(builder, event->start_mark,
			"anchors (&), aliases (*) and tags (!) are not supported: write the value itself, in quotes if it begins with such a character");
		return;
	}
	if (++builder->count > NODE_COUNT_MAX) {
		fail(builder, event->start_mark, "the file holds too many values");
		return;
	}
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (builder->root)
			fail(builder, event->start_mark, "a second document begins here: one file holds one");
		break;
	case YAML_SCALAR_EVENT:
		on_scalar(builder, event);
		break;
	case YAML_SEQUENCE_START_EVENT:
		on_begin(builder, NODE_LIST, event);
		break;
	case YAML_MAPPING_START_EVENT:
		on_begin(builder, NODE_MAP, event);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_end(builder);
		break;
	default:
		break;
	}
}

/* For bytes that are no text libyaml gives an offset alone. */
static void find_place(const char *bytes, size_t offset, unsigned *line, unsigned *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (bytes[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

/* Whether a tab is among the white space that a line begins with. */
static bool is_indented_by_tab(const char *bytes, size_t length, size_t line)
{
	const char *at = bytes, *end = bytes + length;
	for (; line > 0 && at; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	for (; at && at < end && (*at == ' ' || *at == '\t'); at++)
		if (*at == '\t')
			return true;
	return false;
}

/* What to do about the mistakes that libyaml's words do not explain, or NULL. */
static const char *find_advice(const yaml_parser_t *parser, const char *bytes, size_t length)
{
	if (parser->context && strstr(parser->context, "alias"))
		return "a value that begins with * needs quotes";
	if (parser->error == YAML_SCANNER_ERROR && is_indented_by_tab(bytes, length, parser->problem_mark.line))
		return "a tab is no indentation, use spaces";
	if (parser->problem && strstr(parser->problem, "unknown escape"))
		return "a \\ in double quotes begins an escape such as \\n, and this is none: use single quotes";
	return NULL;
}

static void report_syntax(struct builder *builder, const char *bytes, size_t length)
{
	const yaml_parser_t *parser = &builder->parser;
	const char *problem = parser->problem ? parser->problem : "it can't be read", *advice = find_advice(parser, bytes, length);
	unsigned line = line_of(parser->problem_mark), column = column_of(parser->problem_mark);
	builder->failed = true;
	if (parser->error == YAML_READER_ERROR)
		find_place(bytes, parser->problem_offset < length ? parser->problem_offset : length, &line, &column);
	if (parser->context && !advice)
		fault_add(
			builder->faults, line, column, "not valid YAML: %s %s that begins on line %u", problem, parser->context, line_of(parser->context_mark));
	else
		fault_add(builder->faults, line, column, "not valid YAML: %s", advice ? advice : problem);
}

static void build(struct builder *builder, const char *bytes, size_t length)
{
	bool ended = false;
	while (!ended && !builder->failed) {
		yaml_event_t event;
		if (!yaml_parser_parse(&builder->parser, &event)) {
			report_syntax(builder, bytes, length);
			return;
		}
		on_event(builder, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
}

/* libyaml takes the square of the number of these, so that the first is refused before it sees them. */
static bool refuse_tag_directives(struct fault_list *faults, const char *bytes, size_t length)
{
	const char *end = bytes + length;
	unsigned line = 1;
	for (const char *at = bytes; at; line++) {
		if (end - at >= 4 && memcmp(at, "%TAG", 4) == 0) {
			fault_add(faults, line, 1, "tags (%%TAG) are not supported: leave this line out");
			return true;
		}
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	return false;
}

struct node *node_parse(const char *bytes, size_t length, struct fault_list *faults)
{
	struct builder builder = {.faults = faults};
	if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		length -= 3;
	}
	if (refuse_tag_directives(faults, bytes, length))
		return NULL;
	if (!yaml_parser_initialize(&builder.parser))
		abort();
	yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)bytes, length);
	build(&builder, bytes, length);
	yaml_parser_delete(&builder.parser);
	free(builder.key);
	if (builder.failed) {
		node_free(builder.root);
		return NULL;
	}
	return builder.root;
}

void node_free(struct node *node)
{
	if (!node)
		return;
	for (struct node *child = node->first, *next; child; child = next) {
		next = child->next;
		node_free(child);
	}
	free(node->text);
	free(node->key);
	free(node);
}

const struct node *node_find(const struct node *map, const char *key)
{
	for (const struct node *child = map->kind == NODE_MAP ? map->first : NULL; child; child = child->next)
		if (strcmp(child->key, key) == 0)
			return child;
	return NULL;
}

bool node_is_null(const struct node *node)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};
	if (node->kind != NODE_TEXT || !node->plain)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(node->text, words[i]) == 0)
			return true;
	return false;
}

const char *node_describe(const struct node *node, char out[NODE_DESCRIPTION_SIZE])
{
	if (node->kind != NODE_TEXT)
		return node->kind == NODE_MAP ? (node->count ? "a mapping" : "an empty mapping") : node->count ? "a list" : "an empty list";
	if (node_is_null(node))
		return "nothing";
	int length = (int)strnlen(node->text, NODE_DESCRIPTION_SIZE - 8);
	bool cut = node->text[length] != '\0';
	/* Never in the middle of a character. */
	while (cut && length > 0 && ((unsigned char)node->text[length] & 0xc0) == 0x80)
		length--;
	snprintf(out, NODE_DESCRIPTION_SIZE, "'%.*s%s'", length, node->text, cut ? "..." : "");
	return out;
}
