/* The one status document, for the API, the command line and the dashboard. Control thread. New references. */
#ifndef TEAL_SWITCH_STATUS_H
#define TEAL_SWITCH_STATUS_H

#include <jansson.h>

#include "base/color.h"

struct control;
struct service;

json_t *status_make(const struct control *control);
json_t *status_make_service(const struct service *service);
/* Who holds its new requests back, and until when; null when nobody does. */
json_t *status_make_hold(const struct service *service);
json_t *status_make_color(const struct service *service, enum color color);

#endif
