/* Hosts as they are written in teal.yaml. Pure. */
#ifndef TEAL_CONF_HOSTNAME_H
#define TEAL_CONF_HOSTNAME_H

#include <stdbool.h>

/* A name, an IPv4 address or `[IPv6]`, without port. */
bool hostname_is_host(const char *text);
/* `*.` and a name. */
bool hostname_is_wildcard(const char *text);
/* A host with or without `:PORT`. */
bool hostname_is_authority(const char *text);
/* A whole name of DNS: two labels or more, of which the last one is no number; with or without a dot at the end. */
bool hostname_is_full(const char *text);
/* A whole name, or `*.` and one. */
bool hostname_is_record(const char *text);
/* Lower case, without the dot at the end. */
void hostname_normalize(char *name);

#endif
