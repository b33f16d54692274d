/* An answer against what a probe expects. Pure; control thread. Does not count results: that is probe/verdict. */
#include "probe/expect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define PLACEHOLDER "{version}"
/* A text that is quoted in a sentence is cut after QUOTE_LIMIT bytes; each may become four, and "..." and a NUL follow. */
#define QUOTE_LIMIT ((size_t)48)
#define QUOTE_SIZE (QUOTE_LIMIT * 4 + 4)

struct expect {
	struct conf_status_range *statuses;
	size_t status_count;
	struct conf_header *headers; /* a NULL value: it names {version}, and there is none */
	size_t header_count;
	bool has_body;
	char *body;
};

/* NULL when the version is wanted and there is none. */
static char *expand(const char *text, const char *version)
{
	bool versioned = strstr(text, PLACEHOLDER) != NULL;
	if (!versioned)
		return memory_text(text);
	if (!version || !version[0])
		return NULL;
	struct text out;
	text_init(&out, SIZE_MAX);
	for (const char *found; (found = strstr(text, PLACEHOLDER)); text = found + strlen(PLACEHOLDER)) {
		text_add(&out, text, (size_t)(found - text));
		text_add(&out, version, strlen(version));
	}
	text_add(&out, text, strlen(text));
	return text_take(&out);
}

struct expect *expect_new(const struct conf_probe *check, const char *version)
{
	struct expect *expect = memory_new(sizeof(*expect));
	expect->status_count = check->status_count;
	expect->statuses = memory_array(check->status_count, sizeof(*expect->statuses));
	if (check->status_count)
		memcpy(expect->statuses, check->statuses, check->status_count * sizeof(*expect->statuses));
	expect->header_count = check->header_count;
	expect->headers = memory_array(check->header_count, sizeof(*expect->headers));
	for (size_t i = 0; i < check->header_count; i++)
		expect->headers[i] = (struct conf_header){memory_text(check->headers[i].name), expand(check->headers[i].value, version)};
	expect->has_body = check->body != NULL;
	expect->body = check->body ? expand(check->body, version) : NULL;
	return expect;
}

void expect_free(struct expect *expect)
{
	if (!expect)
		return;
	for (size_t i = 0; i < expect->header_count; i++) {
		free(expect->headers[i].name);
		free(expect->headers[i].value);
	}
	free(expect->headers);
	free(expect->statuses);
	free(expect->body);
	free(expect);
}

static bool refuse_versionless(const char *what, char *detail, size_t size)
{
	snprintf(detail, size, "%s is to hold {version}, but this color has no version", what);
	return false;
}

static void quote(const char *text, char out[QUOTE_SIZE])
{
	size_t length = strlen(text);
	size_t used = text_escape_log(text, length < QUOTE_LIMIT ? length : QUOTE_LIMIT, out, QUOTE_SIZE);
	memcpy(out + used, length > QUOTE_LIMIT ? "..." : "", length > QUOTE_LIMIT ? 4 : 1);
}

static const char *phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} known[] = {
		{200, " OK"},
		{201, " Created"},
		{202, " Accepted"},
		{204, " No Content"},
		{206, " Partial Content"},
		{301, " Moved Permanently"},
		{302, " Found"},
		{304, " Not Modified"},
		{307, " Temporary Redirect"},
		{308, " Permanent Redirect"},
		{400, " Bad Request"},
		{401, " Unauthorized"},
		{403, " Forbidden"},
		{404, " Not Found"},
		{405, " Method Not Allowed"},
		{429, " Too Many Requests"},
		{500, " Internal Server Error"},
		{502, " Bad Gateway"},
		{503, " Service Unavailable"},
		{504, " Gateway Timeout"},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].phrase;
	return "";
}

static bool status_matches(const struct expect *expect, int status)
{
	for (size_t i = 0; i < expect->status_count; i++)
		if (status >= 0 && (unsigned)status >= expect->statuses[i].low && (unsigned)status <= expect->statuses[i].high)
			return true;
	return false;
}

static void add_range(struct text *out, const struct conf_status_range *range, const char *separator)
{
	if (range->low == range->high)
		text_addf(out, "%s%u", separator, range->low);
	else
		text_addf(out, "%s%u-%u", separator, range->low, range->high);
}

static void explain_status(const struct expect *expect, const struct fetch_answer *answer, char *detail, size_t size)
{
	struct text out;
	text_init(&out, size - 1);
	const char *location = fetch_answer_header(answer, "Location");
	bool redirect = answer->status >= 300 && answer->status <= 399 && location;
	text_addf(&out, "status %d", answer->status);
	if (redirect) {
		char quoted[QUOTE_SIZE];
		quote(location, quoted);
		text_addf(&out, " (to %s)", quoted);
	}
	for (size_t i = 0; i < expect->status_count; i++)
		add_range(&out, &expect->statuses[i], i == 0 ? ", expected " : i + 1 < expect->status_count ? ", " : " or ");
	if (redirect)
		text_addf(&out, "; redirects are not followed");
	snprintf(detail, size, "%s", out.bytes);
	text_fini(&out);
}

static bool check_header(const struct conf_header *wanted, const struct fetch_answer *answer, char *detail, size_t size)
{
	char name[QUOTE_SIZE], found[QUOTE_SIZE], expected[QUOTE_SIZE];
	quote(wanted->name, name);
	if (!wanted->value) {
		char what[QUOTE_SIZE + 8];
		snprintf(what, sizeof(what), "header %s", name);
		return refuse_versionless(what, detail, size);
	}
	quote(wanted->value, expected);
	const char *value = fetch_answer_header(answer, wanted->name);
	if (value && strcmp(value, wanted->value) == 0)
		return true;
	if (!value) {
		snprintf(detail, size, "header %s is missing, expected \"%s\"", name, expected);
		return false;
	}
	quote(value, found);
	snprintf(detail, size, "header %s is \"%s\", expected \"%s\"", name, found, expected);
	return false;
}

static bool check_body(const struct expect *expect, const struct fetch_answer *answer, char *detail, size_t size)
{
	if (!expect->has_body)
		return true;
	if (!expect->body)
		return refuse_versionless("the body", detail, size);
	if (memmem(answer->body, answer->body_length, expect->body, strlen(expect->body)))
		return true;
	char expected[QUOTE_SIZE], limit[TEXT_UNIT_SIZE];
	quote(expect->body, expected);
	text_format_size(EXPECT_BODY_LIMIT, limit);
	if (answer->body_length >= EXPECT_BODY_LIMIT)
		snprintf(detail, size, "body does not contain \"%s\" in its first %s", expected, limit);
	else
		snprintf(detail, size, "body does not contain \"%s\"", expected);
	return false;
}

bool expect_compare(const struct expect *expect, const struct fetch_answer *answer, char *detail, size_t size)
{
	if (!status_matches(expect, answer->status)) {
		explain_status(expect, answer, detail, size);
		return false;
	}
	for (size_t i = 0; i < expect->header_count; i++)
		if (!check_header(&expect->headers[i], answer, detail, size))
			return false;
	if (!check_body(expect, answer, detail, size))
		return false;
	snprintf(detail, size, "%d%s in %" PRIu64 " ms", answer->status, phrase(answer->status), (answer->total_us + 999) / 1000);
	return true;
}
