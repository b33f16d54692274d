/* The canonical request of Signature Version 4: the one form to which client and server bring a request before they sign it. Any thread.
 *
 * Written into one buffer that is large enough from the start, so that no copy of the session token stays behind in freed memory. */
#include "dns/sigv4.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

struct writer {
	char *bytes;
	size_t length, size;
};

static void put_byte(struct writer *out, char byte)
{
	assert(out->length + 1 < out->size);
	out->bytes[out->length++] = byte;
}

static void put(struct writer *out, const char *text)
{
	for (; *text; text++)
		put_byte(out, *text);
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || (byte && strchr("-_.~", byte));
}

static void put_escaped(struct writer *out, char byte)
{
	static const char digits[] = "0123456789ABCDEF";
	if (is_unreserved(byte)) {
		put_byte(out, byte);
		return;
	}
	put_byte(out, '%');
	put_byte(out, digits[(unsigned char)byte >> 4]);
	put_byte(out, digits[(unsigned char)byte & 15u]);
}

/* ---- the path ---- */

static void put_segment(struct writer *out, const char *segment, size_t length)
{
	put_byte(out, '/');
	for (size_t i = 0; i < length; i++)
		put_escaped(out, segment[i]);
}

static void drop_segment(struct writer *out, size_t begin)
{
	while (out->length > begin && out->bytes[--out->length] != '/')
		;
}

/* Without empty segments, `.` and `..`. */
static void put_path(struct writer *out, const char *path, size_t length)
{
	size_t begin = out->length;
	for (size_t at = 0; at < length;) {
		const char *segment = path + ++at;
		size_t size = 0;
		for (; at < length && path[at] != '/'; at++)
			size++;
		if (size == 2 && memcmp(segment, "..", 2) == 0)
			drop_segment(out, begin);
		else if (size > 0 && !(size == 1 && *segment == '.'))
			put_segment(out, segment, size);
	}
	if (out->length == begin || path[length - 1] == '/')
		put_byte(out, '/');
}

/* ---- the query ---- */

/* A name and its value, in the encoding that is signed. */
struct parameter {
	const char *name, *value;
};

static int digit(char byte)
{
	const char *digits = "0123456789abcdef", *found = byte ? strchr(digits, byte >= 'A' && byte <= 'F' ? byte - 'A' + 'a' : byte) : NULL;
	return found ? (int)(found - digits) : -1;
}

/* Decodes and encodes anew, up to a byte of `ends` or the end, and puts a NUL behind. Returns what it wrote; *text stands behind what it read. A '%' without two digits is a percent sign. */
static const char *put_part(struct writer *out, const char **text, const char *ends)
{
	size_t begin = out->length;
	for (; **text && !strchr(ends, **text); ++*text) {
		const char *at = *text;
		int high = *at == '%' ? digit(at[1]) : -1, low = high >= 0 ? digit(at[2]) : -1;
		if (low >= 0)
			*text += 2;
		int decoded = low >= 0 ? high * 16 + low : *at;
		put_escaped(out, (char)decoded);
	}
	put_byte(out, '\0');
	return out->bytes + begin;
}

static int compare_parameters(const void *one, const void *other)
{
	const struct parameter *a = one, *b = other;
	int by_name = strcmp(a->name, b->name);
	return by_name ? by_name : strcmp(a->value, b->value);
}

static size_t count_parameters(const char *query)
{
	size_t count = *query ? 1 : 0;
	for (; *query; query++)
		count += *query == '&';
	return count;
}

static void put_query(struct writer *out, const char *query)
{
	size_t count = count_parameters(query), size = 3 * strlen(query) + 2 * count + 2;
	struct parameter *parameters = memory_array(count + 1, sizeof(*parameters));
	struct writer scratch = {memory_new(size), 0, size};
	for (size_t i = 0; i < count; i++) {
		parameters[i].name = put_part(&scratch, &query, "=&");
		query += *query == '=';
		parameters[i].value = put_part(&scratch, &query, "&");
		query += *query == '&';
	}
	qsort(parameters, count, sizeof(*parameters), compare_parameters);
	for (size_t i = 0; i < count; i++) {
		put(out, i ? "&" : "");
		put(out, parameters[i].name);
		put_byte(out, '=');
		put(out, parameters[i].value);
	}
	free(scratch.bytes);
	free(parameters);
}

/* ---- the fields ---- */

struct entry {
	struct sigv4_field field;
	size_t arrived;
};

struct entries {
	struct entry *entry;
	size_t count;
};

static int compare_entries(const void *one, const void *other)
{
	const struct entry *a = one, *b = other;
	int by_name = strcasecmp(a->field.name, b->field.name);
	return by_name ? by_name : a->arrived < b->arrived ? -1 : 1;
}

static void add_entry(struct entries *entries, const char *name, const char *value)
{
	entries->entry[entries->count] = (struct entry){{name, value}, entries->count};
	entries->count++;
}

/* Everything that is signed, sorted by name; of one name, as it was sent. */
static struct entries sort_fields(const struct sigv4_request *request, const char *token, const char *date)
{
	struct entries entries = {memory_array(request->field_count + 3, sizeof(struct entry)), 0};
	add_entry(&entries, "host", request->host);
	add_entry(&entries, "x-amz-date", date);
	if (token && *token)
		add_entry(&entries, "x-amz-security-token", token);
	for (size_t i = 0; i < request->field_count; i++)
		add_entry(&entries, request->fields[i].name, request->fields[i].value);
	qsort(entries.entry, entries.count, sizeof(struct entry), compare_entries);
	return entries;
}

static bool is_first_of_name(const struct entries *entries, size_t index)
{
	return index == 0 || strcasecmp(entries->entry[index].field.name, entries->entry[index - 1].field.name) != 0;
}

static void put_name(struct writer *out, const char *name)
{
	for (; *name; name++)
		put_byte(out, *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name);
}

/* Without blanks at the ends, one space for those inside, those of a folded line too. */
static void put_value(struct writer *out, const char *value)
{
	for (bool begun = false, blank = false; *value; value++) {
		bool is_blank = strchr(" \t\r\n", *value);
		if (!is_blank && begun && blank)
			put_byte(out, ' ');
		if (!is_blank)
			put_byte(out, *value);
		begun |= !is_blank;
		blank = is_blank;
	}
}

static void put_fields(struct writer *out, const struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		if (is_first_of_name(entries, i)) {
			put(out, i ? "\n" : "");
			put_name(out, entries->entry[i].field.name);
			put_byte(out, ':');
		} else {
			put_byte(out, ',');
		}
		put_value(out, entries->entry[i].field.value);
	}
	put(out, "\n\n");
	for (size_t i = 0; i < entries->count; i++) {
		if (!is_first_of_name(entries, i))
			continue;
		put(out, i ? ";" : "");
		put_name(out, entries->entry[i].field.name);
	}
}

/* ---- all of it ---- */

/* An upper bound: a byte of the target becomes three at most, and a parameter may get a '='. */
static size_t measure(const struct sigv4_request *request, const struct entries *entries)
{
	size_t size = strlen(request->method) + 4 * strlen(request->target) + SIGV4_HASH_SIZE + 16;
	for (size_t i = 0; i < entries->count; i++)
		size += 2 * strlen(entries->entry[i].field.name) + strlen(entries->entry[i].field.value) + 4;
	return size;
}

char *sigv4_make_canonical(const struct sigv4_request *request, const char *token, const char *date)
{
	assert(request->target[0] == '/');
	struct entries entries = sort_fields(request, token, date);
	size_t path = strcspn(request->target, "?"), size = measure(request, &entries);
	struct writer out = {memory_new(size), 0, size};
	put(&out, request->method);
	put_byte(&out, '\n');
	put_path(&out, request->target, path);
	put_byte(&out, '\n');
	put_query(&out, request->target + path + (request->target[path] == '?'));
	put_byte(&out, '\n');
	put_fields(&out, &entries);
	put_byte(&out, '\n');
	char hash[SIGV4_HASH_SIZE];
	sigv4_hash(request->body, request->body_length, hash);
	put(&out, hash);
	free(entries.entry);
	return out.bytes;
}
