/* Text of log lines. Any thread. */
#include "proxy/logline.h"

#include "base/text.h"

#define PEERS_SIZE (LOGLINE_SIZE - LOGLINE_OWN)

void logline_add_number(struct logline *line, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	logline_add(line, digits + at, sizeof(digits) - at);
}

void logline_add_ms(struct logline *line, uint64_t us)
{
	unsigned rest = (unsigned)(us % 1000u);
	const char decimals[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};
	logline_add_number(line, us / 1000u);
	logline_add(line, decimals, sizeof(decimals));
}

static void add_value(struct logline *line, struct span value, size_t escape(const char *, size_t, char *, size_t))
{
	size_t length = value.length < LOGLINE_VALUE_MAX ? value.length : LOGLINE_VALUE_MAX;
	if (length > 0 && line->length < PEERS_SIZE)
		line->length += escape(value.at, length, line->bytes + line->length, PEERS_SIZE - line->length);
}

void logline_add_json(struct logline *line, struct span value)
{
	add_value(line, value, text_escape_json);
}

void logline_add_escaped(struct logline *line, struct span value)
{
	add_value(line, value, text_escape_log);
}
