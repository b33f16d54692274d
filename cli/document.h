/* Reading the admin API's documents: a missing or null member reads as nothing, never as a crash. Pure. */
#ifndef TEAL_CLI_DOCUMENT_H
#define TEAL_CLI_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

/* A text member, or NULL; and with a default. Borrowed from the document. */
const char *document_text(const json_t *document, const char *key);
const char *document_text_or(const json_t *document, const char *key, const char *otherwise);
/* A whole number, or 0. */
int64_t document_count(const json_t *document, const char *key);
/* A number with a fraction, or `otherwise` when it is null or missing. */
double document_number(const json_t *document, const char *key, double otherwise);
bool document_flag(const json_t *document, const char *key);
/* True when the member is there and not null. */
bool document_has(const json_t *document, const char *key);
/* A time member in milliseconds since 1970, or 0 when there is none. */
uint64_t document_time(const json_t *document, const char *key);

/* Makes every text of it fit for one line of a terminal: control characters (see base/unprintable) come out as `\n`, `\t`, `\x1b` or `\u202e`. But for members that are called `output`, whose lines are printed as lines. */
void document_escape(json_t *document);

/* `2026-01-31T12:00:00.123Z` in milliseconds since 1970; 0 when it is none. */
uint64_t document_parse_time(const char *text);

#define DOCUMENT_FORM_SIZE 40
/* `24,310`. */
void document_format_count(int64_t count, char out[DOCUMENT_FORM_SIZE]);
/* `0%`, `0.01%`, `12%`: a share as people read it; "-" below 0. */
void document_format_share(double share, char out[DOCUMENT_FORM_SIZE]);
/* `1.2 ms`, `340 ms`, `2.5 s`; "-" below 0. */
void document_format_ms(double ms, char out[DOCUMENT_FORM_SIZE]);
/* A span that people wait for: `0.4 s`, `12 s`, `4m30s`, `2h10m`, `3d4h`. */
void document_format_span(uint64_t ms, char out[DOCUMENT_FORM_SIZE]);
/* A time as the clock on the wall shows it, in local time: `2026-01-31 12:00:00`, or `12:00:00` when it is of the same day as `now`. */
void document_format_when(uint64_t ms, uint64_t now, char out[DOCUMENT_FORM_SIZE]);

#endif
