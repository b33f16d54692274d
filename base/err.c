/* Writing sentences. Any thread; allocates nothing. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *err, const char *format, ...)
{
	if (err) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(err->text, sizeof(err->text), format, arguments);
		va_end(arguments);
	}
	return false;
}

bool err_prefix(struct err *err, const char *format, ...)
{
	if (err) {
		struct err context;
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(context.text, sizeof(context.text), format, arguments);
		va_end(arguments);
		strncat(context.text, ": ", sizeof(context.text) - strlen(context.text) - 1);
		strncat(context.text, err->text, sizeof(context.text) - strlen(context.text) - 1);
		*err = context;
	}
	return false;
}
