/* Memory for secrets: pages of their own, left out of core dumps, kept out of the swap where the system allows it, wiped at their end. Any thread. */
#ifndef TEAL_BASE_SECRET_H
#define TEAL_BASE_SECRET_H

#include <stddef.h>

/* Never NULL; zeroed. Each takes whole pages: for few and long-lived things. */
void *secret_new(size_t size);
/* NULL is allowed. */
void secret_free(void *secret);

/* Wipes a text and frees it with free(). NULL is allowed. */
void secret_drop_text(char *text);

#endif
