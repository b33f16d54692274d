/* Whether two services have the same configuration of one thing. Pure; switch/differ says what is different. Places in the file do not count, nor does the order in which keys are written. */
#ifndef TEAL_SWITCH_ALIKE_H
#define TEAL_SWITCH_ALIKE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

/* NULL equals NULL only. */
bool alike_text(const char *a, const char *b);
bool alike_texts(char *const *a, size_t a_count, char *const *b, size_t b_count);
bool alike_headers(const struct conf_header *a, size_t a_count, const struct conf_header *b, size_t b_count);
bool alike_statuses(const struct conf_status_range *a, size_t a_count, const struct conf_status_range *b, size_t b_count);

bool alike_smokes(const struct conf_gates *a, const struct conf_gates *b);
/* With the hooks before a switch. */
bool alike_gates(const struct conf_service *a, const struct conf_service *b);
bool alike_gate_hooks(const struct conf_service *a, const struct conf_service *b);
/* Without those. */
bool alike_hooks(const struct conf_service *a, const struct conf_service *b);
bool alike_notify(const struct conf_service *a, const struct conf_service *b);
/* But for the address of their listener. */
bool alike_preview(const struct conf_preview *a, const struct conf_preview *b);
bool alike_steps(const struct conf_steps *a, const struct conf_steps *b);
bool alike_sticky(const struct conf_sticky *a, const struct conf_sticky *b);
bool alike_hold(const struct conf_hold *a, const struct conf_hold *b);
bool alike_rehearsal(const struct conf_rehearsal *a, const struct conf_rehearsal *b);
/* With the names of the files alone, not what is in them. */
bool alike_tls(const struct conf_tls *a, const struct conf_tls *b);
bool alike_redirect(const struct conf_redirect *a, const struct conf_redirect *b);
bool alike_backend_tls(const struct conf_backend_tls *a, const struct conf_backend_tls *b);
bool alike_route53(const struct conf_route53 *a, const struct conf_route53 *b);

#endif
