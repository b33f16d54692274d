/* Lines about certificates. Prints; asks nobody. */
#include "cli/tlslines.h"

#include <inttypes.h>

#include "base/color.h"
#include "cli/document.h"
#include "cli/screen.h"

/* ` for shop.example and 2 more`, or nothing. */
static void write_names(const json_t *certificate)
{
	const json_t *names = json_object_get(certificate, "names");
	const char *first = json_string_value(json_array_get(names, 0));
	size_t count = json_array_size(names);
	if (first)
		screen_write(" for %s", first);
	if (count > 1)
		screen_write(" and %zu more", count - 1);
}

static void print_end(const json_t *certificate)
{
	int64_t days = document_count(certificate, "days_left");
	screen_write("certificate %s", document_text_or(certificate, "certificate", "?"));
	write_names(certificate);
	screen_write(": ");
	if (document_flag(certificate, "expired"))
		screen_write_painted(PAINT_RED, "expired");
	else if (days == 0)
		screen_write_painted(PAINT_YELLOW, "less than a day left");
	else
		screen_write_painted(PAINT_YELLOW, "%" PRId64 " day%s left", days, days == 1 ? "" : "s");
	screen_line(" (%.10s)", document_text_or(certificate, "not_after", "?"));
}

static void print_fault(const json_t *source, const char *kept)
{
	if (!document_has(source, "fault"))
		return;
	screen_write_painted(PAINT_RED, "refused");
	screen_line(": %s; %s", document_text_or(source, "fault", ""), kept);
}

static bool is_same(const json_t *a, const json_t *b)
{
	static const char *const members[] = {"certificate", "key", "id", "fault"};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!json_equal(json_object_get(a, members[i]), json_object_get(b, members[i])))
			return false;
	return true;
}

/* What both clients and backends are shown is there twice, and is one pair to whoever has to renew it. */
static bool is_repeated(const json_t *certificates, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_same(json_array_get(certificates, i), json_array_get(certificates, index)))
			return true;
	return false;
}

void tlslines_print(const json_t *status)
{
	const json_t *certificates = json_object_get(status, "certificates"), *source;
	size_t i;
	json_array_foreach(certificates, i, source)
	{
		if (is_repeated(certificates, i))
			continue;
		if (document_flag(source, "expiring"))
			print_end(source);
		print_fault(source, "the certificate before stays in use");
	}
	json_array_foreach(json_object_get(status, "authorities"), i, source) print_fault(source, "the authorities before stay in use");
}

void tlslines_print_service(const json_t *service)
{
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		const json_t *document = json_object_get(json_object_get(service, "colors"), color_name(color));
		const char *warning = document_text(json_object_get(document, "tls"), "warning");
		if (warning)
			screen_line("  %s: %s", color_name(color), warning);
	}
}
