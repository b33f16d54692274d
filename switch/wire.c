/* Small words of the API's JSON. Control thread; knows no document as a whole. */
#include "switch/wire.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

json_t *wire_time(uint64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];
	if (wall_ms == 0)
		return json_null();
	clock_format(wall_ms, text);
	return json_string(text);
}

/* What a peer or a file sent us may be any bytes; JSON is UTF-8. */
static json_t *replace_foreign_bytes(const char *text)
{
	char *clean = memory_text(text);
	for (char *byte = clean; *byte; byte++)
		if ((unsigned char)*byte >= 0x80)
			*byte = '?';
	json_t *string = json_string(clean);
	free(clean);
	return string;
}

json_t *wire_text(const char *text)
{
	if (!text || !*text)
		return json_null();
	json_t *string = json_string(text);
	return string ? string : replace_foreign_bytes(text);
}

json_t *wire_seconds(uint64_t ms)
{
	if (ms % 1000 == 0)
		return json_integer((json_int_t)(ms / 1000));
	return json_real((double)ms / 1000.0);
}

json_t *wire_count(uint64_t count)
{
	return json_integer((json_int_t)count);
}

uint64_t wire_read_time(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	struct tm utc = {0};
	unsigned ms = 0;
	if (!text)
		return 0;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
	if (!rest)
		return 0;
	if (sscanf(rest, ".%3u", &ms) != 1)
		ms = 0;
	time_t seconds = timegm(&utc);
	return seconds < 0 ? 0 : (uint64_t)seconds * 1000u + ms;
}

uint64_t wire_read_ms(const json_t *object, const char *key_in_seconds, uint64_t fallback)
{
	const json_t *value = json_object_get(object, key_in_seconds);
	if (!json_is_number(value) || json_number_value(value) < 0)
		return fallback;
	return (uint64_t)llround(json_number_value(value) * 1000.0);
}

uint64_t wire_read_count(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));
	return value < 0 ? 0 : (uint64_t)value;
}

const char *wire_read_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

bool wire_read_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

json_t *wire_texts(char *const *texts, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, wire_text(texts[i]));
	return array;
}
