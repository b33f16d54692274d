/* What the keys about TLS, redirects and ACME say together. Control thread; internal to conf/. */
#ifndef TEAL_CONF_TLS_CHECK_H
#define TEAL_CONF_TLS_CHECK_H

#include "conf/fault.h"
#include "conf/node.h"

/* Adds a fault for everything in `listen` and `acme` that contradicts itself, or would do nothing. A value that is faulty by itself is passed over. */
void tls_check_listeners(const struct node *root, const struct conf *conf, struct fault_list *faults);

/* The same for the colors of one service. */
void tls_check_service(const struct node *service, const struct conf_service *conf, struct fault_list *faults);

#endif
