/* Domain names in one spelling, so that two can be compared as text. Pure, any thread.
 *
 * The spelling is that of ns_name_ntop in lower case without a dot at the end (`.` alone for the root): a dot, backslash,
 * quote and the like inside a label have a backslash in front, bytes that can't be printed are \DDD in decimal. Route 53
 * writes such bytes as \OOO in octal (`\052.example.com.`); that, and plain text, is what is read here. */
#ifndef TEAL_DNS_DOMAIN_H
#define TEAL_DNS_DOMAIN_H

#include <stdbool.h>

/* Longest with its NUL: 255 bytes on the wire, each at most four characters. */
#define DOMAIN_TEXT_SIZE 1025

/* False when it is no domain name: empty, a label over 63 or a name over 255 bytes, an empty label, a faulty escape. */
bool domain_parse(const char *text, char out[DOMAIN_TEXT_SIZE]);
/* What c-ares wants to be asked: only a dot and a backslash inside a label are escaped. False as above, and with a NUL in it. */
bool domain_format_query(const char *text, char out[DOMAIN_TEXT_SIZE]);
/* A name that ns_parserr or ns_name_uncompress wrote, to the same spelling. */
void domain_fold(char text[DOMAIN_TEXT_SIZE]);

#endif
