/* Names of records and zones as Route 53 writes them. Pure; any thread.
 *
 * Its own form, here called *full*: lower case, with the dot at the end, and every byte but `a-z 0-9 - _ .` as `\ooo`, three octal digits; a wildcard is `\052.example.com.`.
 * Two names are the same when their full forms are. Internationalised names come as `xn--…`; nothing is translated here. */
#ifndef TEAL_DNS_R53_NAME_H
#define TEAL_DNS_R53_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define R53_NAME_SIZE 1024u /* of a full form, with its NUL: 255 bytes on the wire, all of them escaped */

/* Takes a name with or without the dot at the end, in any case, `*` or `\052`, and writes its full form. Labels are 1 to 63 bytes, the name is at most 255 on the wire
 * (RFC 1035 section 2.3.4), a backslash is followed by three octal digits up to 377. */
bool r53_name_make_full(const char *text, char full[R53_NAME_SIZE], struct err *err);

/* Whether two texts, in whatever form, are the same name. False where one is none. */
bool r53_name_equal(const char *a, const char *b);
/* Whether a full name is the zone's or below it. */
bool r53_name_is_within(const char *full, const char *zone_full);
/* For people and for resolvers: `*.example.com`, without the dot at the end. */
void r53_name_show(const char *full, char out[R53_NAME_SIZE]);

#endif
