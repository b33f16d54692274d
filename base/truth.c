/* The format of the start-up truth on disk. Any thread. Touches no file: that is store. */
#include "base/truth.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* `teal-state 1 GENERATION LENGTH SHA-256\n`; the checksum is of the line up to the length, and the bytes. */
#define START_FORMAT "teal-state 1 %" PRIu64 " %zu "
#define HEADER_MAX 160
#define SUM_SIZE 32

static void checksum(const char *start, size_t start_length, const char *bytes, size_t length, unsigned char sum[SUM_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool summed = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) && EVP_DigestUpdate(context, start, start_length) &&
		      EVP_DigestUpdate(context, bytes, length) && EVP_DigestFinal_ex(context, sum, NULL);
	EVP_MD_CTX_free(context);
	if (!summed) {
		fputs("teal: SHA-256 is not available: is the OpenSSL library complete?\n", stderr);
		abort();
	}
}

/* The only header that these bytes can have. */
static size_t write_header(char out[HEADER_MAX], uint64_t generation, const char *bytes, size_t length)
{
	unsigned char sum[SUM_SIZE];
	size_t used = (size_t)snprintf(out, HEADER_MAX, START_FORMAT, generation, length);
	checksum(out, used, bytes, length, sum);
	for (size_t i = 0; i < SUM_SIZE; i++)
		used += (size_t)snprintf(out + used, HEADER_MAX - used, "%02x", sum[i]);
	out[used++] = '\n';
	return used;
}

char *truth_encode(uint64_t generation, const char *bytes, size_t length, size_t *file_length)
{
	char header[HEADER_MAX];
	size_t header_length = write_header(header, generation, bytes, length);
	*file_length = header_length + length;
	char *file = memory_new(*file_length);
	memcpy(file, header, header_length);
	memcpy(file + header_length, bytes, length);
	return file;
}

bool truth_decode(const char *file, size_t file_length, uint64_t *generation, const char **bytes, size_t *length)
{
	char header[HEADER_MAX], expected[HEADER_MAX];
	const char *end = memchr(file, '\n', file_length < HEADER_MAX ? file_length : HEADER_MAX - 1);
	if (!end)
		return false;
	size_t header_length = (size_t)(end - file) + 1;
	memcpy(header, file, header_length);
	header[header_length - 1] = '\0';
	if (sscanf(header, START_FORMAT, generation, length) != 2 || *length != file_length - header_length)
		return false;
	*bytes = file + header_length;
	return write_header(expected, *generation, *bytes, *length) == header_length && memcmp(expected, file, header_length) == 0;
}
