/* Prints docs/configuration.md, which conf/ writes from its table of keys; script/lint compares the two. */
#include <stdio.h>

#include "base/text.h"
#include "conf/conf.h"

int main(void)
{
	struct text text;
	text_init(&text, 4 * 1024 * 1024);
	conf_write_manual(&text);
	fputs(text.bytes, stdout);
	text_fini(&text);
	return 0;
}
