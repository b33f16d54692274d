/* The four functions of a connection over TLS. Worker thread. Private to secure.c. */
#ifndef TEAL_PROXY_SECURE_IO_H
#define TEAL_PROXY_SECURE_IO_H

#include "proxy/conn.h"

extern const struct conn_io secure_io;

#endif
