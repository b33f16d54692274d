/* Header fields as they are written in teal.yaml. Pure. */
#ifndef TEAL_CONF_FIELD_H
#define TEAL_CONF_FIELD_H

#include <stdbool.h>

/* A token (RFC 9110 section 5.6.2), as the name of a field and of a cookie is one. */
bool field_is_token(const char *text);
/* A field value without line breaks and control characters. */
bool field_is_value(const char *text);
/* A field that is set by teal itself, for what it says of the message or of the connection: Host, Content-Length, Connection and their like. */
bool field_is_own(const char *name);

#endif
