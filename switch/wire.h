/* Small words of the API's JSON: times, texts, seconds. Control thread; every function returns a new reference. */
#ifndef TEAL_SWITCH_WIRE_H
#define TEAL_SWITCH_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

/* RFC 3339 with milliseconds; 0 is null. */
json_t *wire_time(uint64_t wall_ms);
/* The text, or null for NULL and "". Bytes that are not UTF-8 are replaced, so that this never fails. */
json_t *wire_text(const char *text);
/* Milliseconds as seconds: an integer where it is one. */
json_t *wire_seconds(uint64_t ms);
json_t *wire_count(uint64_t count);

/* Back from JSON. Null, missing or wrong: 0, NULL, the fallback. */
uint64_t wire_read_time(const json_t *object, const char *key);
uint64_t wire_read_ms(const json_t *object, const char *key_in_seconds, uint64_t fallback);
uint64_t wire_read_count(const json_t *object, const char *key);
/* Borrowed from the object. */
const char *wire_read_text(const json_t *object, const char *key);
bool wire_read_flag(const json_t *object, const char *key);

/* A list of texts. */
json_t *wire_texts(char *const *texts, size_t count);

#endif
