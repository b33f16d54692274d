/* What is different between two configurations. Pure. */
#ifndef TEAL_SWITCH_DIFFER_H
#define TEAL_SWITCH_DIFFER_H

#include <stdbool.h>
#include <jansson.h>

#include "conf/conf.h"

bool differ_same_probe(const struct conf_probe *a, const struct conf_probe *b);
/* The version and the backends of a color. */
bool differ_same_color(const struct conf_color *a, const struct conf_color *b);
/* Whatever a deployment that is under way goes by: both colors, how their backends are spoken to (the judge would take a fault of the file for one of the release), and the record. */
bool differ_same_deployed(const struct conf_service *a, const struct conf_service *b);
bool differ_same_access(const struct conf *a, const struct conf *b);

/* Appends the names of the keys that differ and are read only at the start. */
void differ_list_fixed(const struct conf *a, const struct conf *b, json_t *keys);
/* Appends a sentence for everything else that differs. */
void differ_list_changes(const struct conf *a, const struct conf *b, json_t *sentences);

#endif
