/* What an operator should know of TLS, as lines under `teal status`: nothing while all is well. Out of the document alone. */
#ifndef TEAL_CLI_TLSLINES_H
#define TEAL_CLI_TLSLINES_H

#include <jansson.h>

/* Certificates that are near their end, and files that are refused. Of the whole status. */
void tlslines_print(const json_t *status);
/* Colors whose backends are not verified. */
void tlslines_print_service(const json_t *service);

#endif
