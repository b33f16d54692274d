/* A client's certificate as text. Any thread. Checks nothing: the handshake did. */
#include "proxy/clientcert.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>

static char *encode(const unsigned char *der, int size, size_t *length)
{
	char *text = malloc((size_t)(size + 2) / 3 * 4 + 3); /* EVP_EncodeBlock ends with NUL, where the last colon goes */
	if (!text)
		return NULL;
	int encoded = EVP_EncodeBlock((unsigned char *)text + 1, der, size);
	text[0] = text[encoded + 1] = ':';
	*length = (size_t)encoded + 2;
	return text;
}

char *clientcert_write(const X509 *certificate, size_t *length)
{
	unsigned char *der = NULL;
	int size = certificate ? i2d_X509(certificate, &der) : 0;
	char *text = size > 0 && size <= (int)CLIENTCERT_SIZE_MAX ? encode(der, size, length) : NULL;
	OPENSSL_free(der);
	return text;
}
