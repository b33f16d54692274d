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

#endif
