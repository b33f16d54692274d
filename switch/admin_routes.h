/* From a request to the function that answers it: who asks, which path, which method, what body. Control thread. */
#ifndef TEAL_SWITCH_ADMIN_ROUTES_H
#define TEAL_SWITCH_ADMIN_ROUTES_H

#include <stdbool.h>

struct admin;
struct evhttp_request;

void admin_routes_serve(struct admin *admin, bool tcp, struct evhttp_request *http);

#endif
