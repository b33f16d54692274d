/* Challenges of ACME. Worker thread. Makes no answer, and knows no listener. */
#include "proxy/challenge.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/octet.h"

static const char folder[] = "/.well-known/acme-challenge/";
#define FOLDER_LENGTH (sizeof(folder) - 1)

bool challenge_is_asked(const struct head *head)
{
	if (head->method != METHOD_get && head->method != METHOD_head)
		return false;
	return head->path.length >= FOLDER_LENGTH && memcmp(head->path.at, folder, FOLDER_LENGTH) == 0;
}

static bool is_token(struct span text)
{
	if (text.length == 0 || text.length > CHALLENGE_TOKEN_MAX)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		char lower = octet_lower(text.at[i]);
		if (!octet_is(lower, OCTET_DIGIT) && (lower < 'a' || lower > 'z') && lower != '-' && lower != '_')
			return false;
	}
	return true;
}

/* Not to be kept waiting by a pipe, nor led away by a link. */
static int open_token(const char *webroot, struct span token)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s%s%.*s", webroot, folder, (int)token.length, token.at);
	if (length < 0 || (size_t)length >= sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static size_t read_whole(int fd, char out[CHALLENGE_SIZE_MAX])
{
	struct stat status;
	size_t length = 0;
	ssize_t got = 1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > (off_t)CHALLENGE_SIZE_MAX)
		return 0;
	while (length < CHALLENGE_SIZE_MAX && (got = read(fd, out + length, CHALLENGE_SIZE_MAX - length)) > 0)
		length += (size_t)got;
	return got < 0 ? 0 : length;
}

size_t challenge_read(const char *webroot, const struct head *head, char out[CHALLENGE_SIZE_MAX])
{
	struct span token = {head->path.at + FOLDER_LENGTH, head->path.length - FOLDER_LENGTH};
	int fd = is_token(token) ? open_token(webroot, token) : -1;
	if (fd < 0)
		return 0;
	size_t length = read_whole(fd, out);
	close(fd);
	return length;
}
