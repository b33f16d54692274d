/* Domain names between Route 53's full form (dns/r53_name), the bytes on the wire and the text that c-ares is asked with. Pure, any thread. */
#ifndef TEAL_DNS_DOMAIN_H
#define TEAL_DNS_DOMAIN_H

#include <stdbool.h>

#include "dns/r53_name.h"

/* The full form of an uncompressed name, lengths and labels up to the root's 0 (as ns_name_unpack leaves it), at most 255 bytes. */
void domain_from_wire(const unsigned char *wire, char full[R53_NAME_SIZE]);
/* The full form of a name as ns_parserr writes it. False when it is none. */
bool domain_from_printed(const char *printed, char full[R53_NAME_SIZE]);
/* What c-ares wants to be asked: only a dot and a backslash inside a label are escaped. False for a name with a NUL in it. */
bool domain_format_query(const char *full, char out[R53_NAME_SIZE]);

#endif
