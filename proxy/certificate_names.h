/* The names of DNS that a certificate is for. Pure; any thread. */
#ifndef TEAL_PROXY_CERTIFICATE_NAMES_H
#define TEAL_PROXY_CERTIFICATE_NAMES_H

#include <openssl/x509.h>
#include <stddef.h>

/* The DNS names of the subject alternative names (RFC 9525: the common name is none), in their order, as peername_fold writes them. What can't be asked for is left out: names with a NUL or another byte that no host's
 * name has, wildcards that are more or less than the whole first label. Returns how many there are; *names is freed by certificate_names_free. */
size_t certificate_names_read(const X509 *certificate, char ***names);
void certificate_names_free(char **names, size_t count);

#endif
