/* Errors of Route 53 read and judged. Any thread. Knows nothing of what was asked: whether something may be repeated is for the caller to say. */
#include "dns/r53_error.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dns/xml.h"

/* In a sentence: bytes of one message, and messages. */
#define SHOWN_MAX ((size_t)500)
#define SHOWN_COUNT ((size_t)20)

/* ---- the texts ---- */

/* Codes and ids are words. */
static void copy_word(char *to, size_t size, const char *from)
{
	size_t length = 0;
	for (; *from && length + 1 < size; from++)
		if (isalnum((unsigned char)*from) || strchr("-_.#", *from))
			to[length++] = *from;
	to[length] = '\0';
}

size_t r53_error_measure_public(const char *message)
{
	static const char *const secrets[] = {"The Canonical String", "The String-to-Sign", "x-amz-security-token"};
	size_t length = strlen(message);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		const char *found = strcasestr(message, secrets[i]);
		if (found && (size_t)(found - message) < length)
			length = (size_t)(found - message);
	}
	return length;
}

/* One line, without controls (C1 ones too, which some terminals obey) and blanks around it. */
static char *clean_message(const char *bytes, size_t length)
{
	struct text out;
	text_init(&out, XML_SIZE_MAX);
	for (size_t i = 0; i < length;) {
		const unsigned char *at = (const unsigned char *)bytes + i;
		size_t one = text_measure_utf8(at, length - i);
		bool control = one == 0 || *at < ' ' || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0);
		bool blank = control || *at == ' ';
		if (!blank)
			text_add(&out, (const char *)at, one);
		else if (out.length > 0 && out.bytes[out.length - 1] != ' ')
			text_add(&out, " ", 1);
		i += one > 0 ? one : 1;
	}
	if (out.length > 0 && out.bytes[out.length - 1] == ' ')
		out.bytes[--out.length] = '\0';
	return text_take(&out);
}

static void add_message(struct r53_error *error, const char *bytes, size_t length)
{
	char *message = clean_message(bytes, length);
	if (!message[0]) {
		free(message);
		return;
	}
	error->messages = memory_grow(error->messages, error->count + 1, sizeof(*error->messages));
	error->messages[error->count++] = message;
}

/* The end of the first of several messages that are joined by ", ": commas within brackets and in front of small letters are their own. */
static size_t measure_first(const char *text, size_t length)
{
	unsigned depth = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '[')
			depth++;
		else if (text[i] == ']' && depth > 0)
			depth--;
		else if (depth == 0 && length - i > 2 && text[i] == ',' && text[i + 1] == ' ' && text[i + 2] >= 'A' && text[i + 2] <= 'Z')
			return i;
	}
	return length;
}

static void add_messages(struct r53_error *error, const char *text)
{
	size_t length = r53_error_measure_public(text);
	if (length < 2 || text[0] != '[' || text[length - 1] != ']') {
		add_message(error, text, length);
		return;
	}
	text++;
	length -= 2;
	while (length > 0) {
		size_t first = measure_first(text, length), gone = first < length ? first + 2 : first;
		add_message(error, text, first);
		text += gone;
		length -= gone;
	}
}

/* ---- the three forms ---- */

static void read_nested(struct r53_error *error, const struct xml_node *inner)
{
	const char *code = xml_find_text(inner, "Code"), *message = xml_find_text(inner, "Message");
	copy_word(error->code, sizeof(error->code), code ? code : "");
	if (message)
		add_messages(error, message);
}

static void read_root(struct r53_error *error, const struct xml_node *root)
{
	const struct xml_node *list = xml_find(root, "Messages");
	const char *message = xml_find_text(root, "Message");
	if (!list && !message)
		return; /* a page of something in between */
	copy_word(error->code, sizeof(error->code), root->name);
	if (message)
		add_messages(error, message);
	for (const struct xml_node *child = list ? list->child : NULL; child; child = child->next)
		add_message(error, child->text, r53_error_measure_public(child->text));
}

void r53_error_read(struct r53_error *error, int status, const char *body, size_t length, const char *request_id)
{
	enum xml_fault fault;
	struct xml *xml = xml_read(body, length, &fault);
	const struct xml_node *root = xml ? xml_root(xml) : NULL, *inner = xml_find(root, "Error");
	const char *given = xml_find_text(root, "RequestId");
	*error = (struct r53_error){.status = status};
	copy_word(error->request_id, sizeof(error->request_id), request_id ? request_id : given ? given : "");
	if (inner)
		read_nested(error, inner);
	else if (root)
		read_root(error, root);
	xml_free(xml);
}

void r53_error_fini(struct r53_error *error)
{
	for (size_t i = 0; i < error->count; i++)
		free(error->messages[i]);
	free(error->messages);
	*error = (struct r53_error){0};
}

/* ---- what to do ---- */

static const struct {
	const char *code;
	enum r53_remedy remedy;
} codes[] = {
	{"Throttling", R53_BACKOFF},
	{"ThrottlingException", R53_BACKOFF},
	{"RequestLimitExceeded", R53_BACKOFF},
	{"TooManyRequestsException", R53_BACKOFF},
	{"PriorRequestNotComplete", R53_BACKOFF},
	{"ServiceUnavailable", R53_UNSURE},
	{"InternalFailure", R53_UNSURE},
	{"InternalError", R53_UNSURE},
	{"RequestTimeout", R53_UNSURE},
	{"RequestExpired", R53_CLOCK},
	{"RequestTimeTooSkewed", R53_CLOCK},
	{"ExpiredToken", R53_RENEW},
	{"ExpiredTokenException", R53_RENEW},
};

/* One code tells of a wrong signature and of a wrong clock; the words tell which. */
static bool tells_of_clock(const struct r53_error *error)
{
	if (strcmp(error->code, "SignatureDoesNotMatch") != 0 && strcmp(error->code, "InvalidSignatureException") != 0)
		return false;
	for (size_t i = 0; i < error->count; i++)
		if (strstr(error->messages[i], "Signature expired") || strstr(error->messages[i], "not yet current"))
			return true;
	return false;
}

static enum r53_remedy choose_by_status(int status)
{
	if (status == 429)
		return R53_BACKOFF;
	return status >= 500 || status == 408 ? R53_UNSURE : R53_STOP;
}

enum r53_remedy r53_error_choose(const struct r53_error *error)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].code, error->code) == 0)
			return codes[i].remedy;
	return tells_of_clock(error) ? R53_CLOCK : choose_by_status(error->status);
}

static void add_shown(const char *message, struct text *out)
{
	size_t length = strlen(message), shown = length < SHOWN_MAX ? length : SHOWN_MAX;
	while (shown < length && ((unsigned char)message[shown] & 0xc0) == 0x80)
		shown--;
	text_add(out, message, shown);
	if (shown < length)
		text_addf(out, "…");
}

void r53_error_describe(const struct r53_error *error, struct text *out)
{
	if (error->code[0])
		text_addf(out, "%s (%d)", error->code, error->status);
	else
		text_addf(out, "status %d without a code of Route 53's", error->status);
	size_t count = error->count < SHOWN_COUNT ? error->count : SHOWN_COUNT;
	for (size_t i = 0; i < count; i++) {
		text_addf(out, i == 0 ? ": " : "; ");
		add_shown(error->messages[i], out);
	}
	if (count < error->count)
		text_addf(out, "; and %zu more", error->count - count);
	if (error->request_id[0])
		text_addf(out, "; request %s", error->request_id);
}
