/* Values of the keys of Route 53, one by one. Pure; any thread; internal to conf/. */
#ifndef TEAL_CONF_R53_TEXTS_H
#define TEAL_CONF_R53_TEXTS_H

#include <stdbool.h>

#include "base/err.h"
#include "conf/conf.h"

/* Each is false and a sentence, which does not say where, when the text is not what it should be. */
bool r53_texts_check_zone(const char *text, struct err *err);
bool r53_texts_check_record(const char *text, struct err *err);
/* Of an alias. */
bool r53_texts_check_target(const char *text, struct err *err);
bool r53_texts_check_region(const char *text, struct err *err);
bool r53_texts_check_endpoint(const char *text, struct err *err);
/* A value of a record of this type. */
bool r53_texts_check_value(enum conf_route53_type type, const char *text, struct err *err);

/* Whether two values that fit the type are the same address, or the same name. */
bool r53_texts_same_value(enum conf_route53_type type, const char *a, const char *b);

#endif
