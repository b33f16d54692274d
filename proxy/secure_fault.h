/* Why a connection over TLS is no good: one row each in secure_fault.def. Pure; any thread. */
#ifndef TEAL_PROXY_SECURE_FAULT_H
#define TEAL_PROXY_SECURE_FAULT_H

#include <stddef.h>

enum secure_fault {
	SECURE_FINE,
#define SECURE_FAULT(name, text) SECURE_##name,
#include "proxy/secure_fault.def"
#undef SECURE_FAULT
	SECURE_FAULT_COUNT
};

/* "" of SECURE_FINE. */
const char *secure_fault_name(enum secure_fault fault);
const char *secure_fault_text(enum secure_fault fault);

/* Of an error as OpenSSL packs it (ERR_get_error(3); 0: none) and the result of verifying the peer's certificate (X509_V_…). Never SECURE_FINE. */
enum secure_fault secure_fault_of(unsigned long error, long verify);
/* The fault's text and, where it says more, OpenSSL's own words for the error or the result. Returns the length; the text is cut to `size`, at least 1. */
size_t secure_fault_explain(enum secure_fault fault, unsigned long error, long verify, char *text, size_t size);

#endif
