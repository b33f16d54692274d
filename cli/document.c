/* Members of JSON documents, and numbers as people read them. Knows the types of the admin API, not its documents. */
#include "cli/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/unprintable.h"

const char *document_text(const json_t *document, const char *key)
{
	return json_string_value(json_object_get(document, key));
}

const char *document_text_or(const json_t *document, const char *key, const char *otherwise)
{
	const char *text = document_text(document, key);
	return text ? text : otherwise;
}

int64_t document_count(const json_t *document, const char *key)
{
	const json_t *member = json_object_get(document, key);
	return json_is_real(member) ? (int64_t)json_real_value(member) : json_integer_value(member);
}

double document_number(const json_t *document, const char *key, double otherwise)
{
	const json_t *member = json_object_get(document, key);
	return json_is_number(member) ? json_number_value(member) : otherwise;
}

bool document_flag(const json_t *document, const char *key)
{
	return json_is_true(json_object_get(document, key));
}

bool document_has(const json_t *document, const char *key)
{
	const json_t *member = json_object_get(document, key);
	return member && !json_is_null(member);
}

/* A control character of so many bytes of UTF-8. */
static void add_escaped(struct text *out, const char *bytes, size_t length)
{
	static const char named[] = "\n\r\t", names[] = "nrt";
	const unsigned char *b = (const unsigned char *)bytes;
	const char *at = length == 1 && *bytes ? strchr(named, *bytes) : NULL;
	if (at)
		text_addf(out, "\\%c", names[at - named]);
	else if (length == 1)
		text_addf(out, "\\x%02x", b[0]);
	else if (length == 2)
		text_addf(out, "\\u%04x", (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu));
	else
		text_addf(out, "\\u%04x", (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu));
}

static bool has_control(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (unprintable_measure(text + i, length - i) > 0)
			return true;
	return false;
}

static void escape_text(json_t *string)
{
	struct text out;
	const char *text = json_string_value(string);
	size_t length = json_string_length(string);
	if (!text || !has_control(text, length))
		return;
	text_init(&out, SIZE_MAX);
	for (size_t i = 0, control; i < length; i += control ? control : 1) {
		control = unprintable_measure(text + i, length - i);
		if (control > 0)
			add_escaped(&out, text + i, control);
		else
			text_add(&out, text + i, 1);
	}
	json_string_set(string, out.bytes);
	text_fini(&out);
}

void document_escape(json_t *document)
{
	size_t i;
	const char *name;
	json_t *member;
	escape_text(document);
	json_array_foreach(document, i, member) document_escape(member);
	json_object_foreach(document, name, member) if (strcmp(name, "output") != 0) document_escape(member);
}

uint64_t document_parse_time(const char *text)
{
	struct tm fields = {0};
	unsigned ms = 0;
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3uZ", &fields.tm_year, &fields.tm_mon, &fields.tm_mday, &fields.tm_hour, &fields.tm_min, &fields.tm_sec,
		    &ms) < 6)
		return 0;
	fields.tm_year -= 1900;
	fields.tm_mon -= 1;
	time_t seconds = timegm(&fields);
	return seconds > 0 ? (uint64_t)seconds * 1000 + ms : 0;
}

uint64_t document_time(const json_t *document, const char *key)
{
	const char *text = document_text(document, key);
	return text ? document_parse_time(text) : 0;
}

void document_format_count(int64_t count, char out[DOCUMENT_FORM_SIZE])
{
	char digits[DOCUMENT_FORM_SIZE];
	int length = snprintf(digits, sizeof(digits), "%" PRId64, count < 0 ? 0 : count);
	char *to = out;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
}

void document_format_share(double share, char out[DOCUMENT_FORM_SIZE])
{
	double percent = share * 100;
	if (share < 0)
		snprintf(out, DOCUMENT_FORM_SIZE, "-");
	else if (percent > 0 && percent < 0.01)
		snprintf(out, DOCUMENT_FORM_SIZE, "<0.01%%");
	else
		snprintf(out, DOCUMENT_FORM_SIZE, percent < 1 ? "%.2g%%" : "%.3g%%", percent);
}

void document_format_ms(double ms, char out[DOCUMENT_FORM_SIZE])
{
	if (ms < 0)
		snprintf(out, DOCUMENT_FORM_SIZE, "-");
	else if (ms < 10)
		snprintf(out, DOCUMENT_FORM_SIZE, "%.1f ms", ms);
	else if (ms < 1000)
		snprintf(out, DOCUMENT_FORM_SIZE, "%.0f ms", ms);
	else
		snprintf(out, DOCUMENT_FORM_SIZE, "%.1f s", ms / 1000);
}

void document_format_span(uint64_t ms, char out[DOCUMENT_FORM_SIZE])
{
	uint64_t s = ms / 1000, m = s / 60, h = m / 60;
	if (s < 10)
		snprintf(out, DOCUMENT_FORM_SIZE, "%.1f s", (double)ms / 1000);
	else if (m == 0)
		snprintf(out, DOCUMENT_FORM_SIZE, "%" PRIu64 " s", s);
	else if (h == 0)
		snprintf(out, DOCUMENT_FORM_SIZE, "%" PRIu64 "m%02" PRIu64 "s", m, s % 60);
	else if (h < 24)
		snprintf(out, DOCUMENT_FORM_SIZE, "%" PRIu64 "h%02" PRIu64 "m", h, m % 60);
	else
		snprintf(out, DOCUMENT_FORM_SIZE, "%" PRIu64 "d%" PRIu64 "h", h / 24, h % 24);
}

void document_format_when(uint64_t ms, uint64_t now, char out[DOCUMENT_FORM_SIZE])
{
	struct tm then, today;
	time_t seconds = (time_t)(ms / 1000), now_seconds = (time_t)(now / 1000);
	localtime_r(&seconds, &then);
	localtime_r(&now_seconds, &today);
	bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
	strftime(out, DOCUMENT_FORM_SIZE, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then);
}
