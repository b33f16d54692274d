/* Reading what the configuration names, and looking whether it has changed. Control thread. What is good or faulty is for proxy/certificate, proxy/authorities and OpenSSL to say. */
#include "switch/tlssource.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "proxy/tlsback.h"
#include "proxy/tlsfront.h"

#define DAY_S 86400
#define USUAL_DAYS 90

_Static_assert(AUTHORITIES_HASH_SIZE == TLSPROFILE_DIGEST_SIZE, "the hash of a file of authorities stands for what is in it");

/* ---- what is in the files ---- */

static void fini_content(struct tlssource_content *content)
{
	if (content->certificate)
		certificate_release(content->certificate);
	authorities_free(content->authorities);
	*content = (struct tlssource_content){.certificate = NULL};
}

static bool digest_certificate(const struct certificate *certificate, uint8_t digest[TLSPROFILE_DIGEST_SIZE])
{
	size_t count = 1 + (size_t)sk_X509_num(certificate->chain);
	unsigned char(*each)[TLSPROFILE_DIGEST_SIZE] = memory_array(count, sizeof(*each));
	bool good = X509_digest(certificate->leaf, EVP_sha256(), each[0], NULL);
	for (size_t i = 1; good && i < count; i++)
		good = X509_digest(sk_X509_value(certificate->chain, (int)i - 1), EVP_sha256(), each[i], NULL);
	const struct iovec part = {each, count * sizeof(*each)};
	good = good && tlsprofile_digest(&part, 1, digest);
	free(each);
	return good;
}

/* What OpenSSL on this machine does not take is the fault of this pair, and of no other that a listener has beside it. */
static bool suits_openssl(const struct tlssource *source, struct certificate *certificate, struct err *err)
{
	struct tlsback *back = NULL;
	struct tlsfront *front = NULL;
	if (source->kind == TLSSOURCE_CLIENT)
		back = tlsback_new(&(struct tlsback_spec){.certificate = certificate}, err);
	else
		front = tlsfront_new(&(struct tlsfront_spec){.listener = "", .certificates = &certificate, .certificate_count = 1}, err);
	bool suits = back || front;
	if (back)
		tlsback_release(back);
	if (front)
		tlsfront_release(front);
	return suits || err_prefix(err, "%s", source->path);
}

static bool read_certificate(const struct tlssource *source, int64_t now_s, struct tlssource_content *content, struct err *err)
{
	struct certificate_spec spec = {
		.certificate_path = source->path,
		.key_path = source->key_path,
		.role = source->kind == TLSSOURCE_CLIENT ? CERTIFICATE_OF_CLIENT : CERTIFICATE_OF_SERVER,
		.now_s = now_s,
		.any_time = true,
	};
	content->certificate = certificate_load(&spec, err);
	if (!content->certificate)
		return false;
	if (!digest_certificate(content->certificate, content->digest))
		return err_set(err, "%s: OpenSSL ran out of memory", source->path);
	return suits_openssl(source, content->certificate, err);
}

static bool read_authorities(const struct tlssource *source, struct tlssource_content *content, struct err *err)
{
	content->authorities = authorities_load(source->system ? NULL : source->path, err);
	if (content->authorities)
		memcpy(content->digest, content->authorities->hash, sizeof(content->digest));
	return content->authorities != NULL;
}

static bool read_content(const struct tlssource *source, int64_t now_s, struct tlssource_content *content, struct err *err)
{
	*content = (struct tlssource_content){.certificate = NULL};
	bool good = source->kind == TLSSOURCE_AUTHORITIES ? read_authorities(source, content, err) : read_certificate(source, now_s, content, err);
	if (!good)
		fini_content(content);
	return good;
}

bool tlssource_has_same_content(const struct tlssource *a, const struct tlssource *b)
{
	return memcmp(a->content.digest, b->content.digest, sizeof(a->content.digest)) == 0;
}

void tlssource_swap_content(struct tlssource *source, struct tlssource *other)
{
	assert(tlssource_has_same_content(source, other));
	struct tlssource_content kept = source->content;
	source->content = other->content;
	other->content = kept;
}

/* ---- how the files look ---- */

static struct tlssource_stamp read_stamp(const char *path)
{
	struct stat found;
	if (stat(path, &found) != 0)
		return (struct tlssource_stamp){.error = errno};
	return (struct tlssource_stamp){0, found.st_dev, found.st_ino, found.st_size, found.st_mtim, found.st_ctim};
}

static void read_stamps(const struct tlssource *source, struct tlssource_stamp stamps[2])
{
	stamps[0] = read_stamp(source->path);
	stamps[1] = source->key_path ? read_stamp(source->key_path) : (struct tlssource_stamp){.error = 0};
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct tlssource_stamp *a, const struct tlssource_stamp *b)
{
	return a->error == b->error && a->device == b->device && a->inode == b->inode && a->size == b->size && same_time(a->modified, b->modified) &&
	       same_time(a->changed, b->changed);
}

static bool same_stamps(const struct tlssource_stamp a[2], const struct tlssource_stamp b[2])
{
	return same_stamp(&a[0], &b[0]) && same_stamp(&a[1], &b[1]);
}

/* ---- its life ---- */

struct tlssource *tlssource_new(enum tlssource_kind kind, const char *path, const char *key_path)
{
	struct tlssource *source = memory_new(sizeof(*source));
	assert((kind == TLSSOURCE_AUTHORITIES) == (key_path == NULL) && (path || kind == TLSSOURCE_AUTHORITIES));
	source->kind = kind;
	source->system = path == NULL;
	source->path = memory_text(path ? path : authorities_find_system());
	source->key_path = memory_text(key_path);
	return source;
}

void tlssource_free(struct tlssource *source)
{
	if (!source)
		return;
	fini_content(&source->content);
	free(source->path);
	free(source->key_path);
	free(source->fault);
	free(source);
}

bool tlssource_load(struct tlssource *source, int64_t now_s, struct err *err)
{
	assert(!source->content.certificate && !source->content.authorities);
	read_stamps(source, source->read);
	bool good = read_content(source, now_s, &source->content, err);
	read_stamps(source, source->seen);
	return good;
}

static bool is_timely(const struct tlssource *source, const struct tlssource_content *content, int64_t now_s, struct err *err)
{
	return !content->certificate || certificate_is_timely(content->certificate, source->path, now_s, err);
}

bool tlssource_is_timely(const struct tlssource *source, int64_t now_s, struct err *err)
{
	return is_timely(source, &source->content, now_s, err);
}

/* ---- what becomes of it ---- */

static enum tlssource_news refuse(struct tlssource *source, const struct err *err, bool changed)
{
	if (!changed)
		return TLSSOURCE_NOTHING;
	free(source->fault);
	source->fault = memory_text(err->text);
	source->refused++;
	return TLSSOURCE_REFUSED;
}

static enum tlssource_news keep(struct tlssource *source)
{
	bool mended = source->fault != NULL;
	free(source->fault);
	source->fault = NULL;
	return mended ? TLSSOURCE_MENDED : TLSSOURCE_NOTHING;
}

static enum tlssource_news renew(struct tlssource *source, struct tlssource_content *content)
{
	keep(source);
	fini_content(&source->content);
	source->content = *content;
	*content = (struct tlssource_content){.certificate = NULL};
	source->taken++;
	source->told_level = 0;
	return TLSSOURCE_RENEWED;
}

/* The very certificate that is in use, with another chain, may come whenever it likes. */
static bool is_same_leaf(const struct tlssource *source, const struct tlssource_content *content)
{
	return content->certificate && strcmp(content->certificate->id, source->content.certificate->id) == 0;
}

static enum tlssource_news judge(struct tlssource *source, struct tlssource_content *content, bool changed, int64_t now_s)
{
	struct err err;
	if (memcmp(content->digest, source->content.digest, sizeof(content->digest)) == 0)
		return keep(source);
	if (!is_same_leaf(source, content) && !is_timely(source, content, now_s, &err))
		return refuse(source, &err, changed);
	return renew(source, content);
}

/* What is faulty may have become good where it lies. */
static bool is_due_again(const struct tlssource *source, int64_t now_s)
{
	return source->fault && (now_s >= source->read_s + TLSSOURCE_AGAIN_S || now_s < source->read_s);
}

enum tlssource_news tlssource_look(struct tlssource *source, int64_t now_s)
{
	struct tlssource_stamp now[2], after[2];
	struct tlssource_content content;
	struct err err;
	read_stamps(source, now);
	bool settled = same_stamps(now, source->seen), changed = !same_stamps(now, source->read);
	memcpy(source->seen, now, sizeof(now));
	if (!settled || (!changed && !is_due_again(source, now_s)))
		return TLSSOURCE_NOTHING;
	enum tlssource_news news = TLSSOURCE_NOTHING;
	bool good = read_content(source, now_s, &content, &err);
	read_stamps(source, after);
	/* What was exchanged while it was read says nothing. */
	if (same_stamps(now, after)) {
		memcpy(source->read, now, sizeof(now));
		source->read_s = now_s;
		news = good ? judge(source, &content, changed, now_s) : refuse(source, &err, changed);
	}
	fini_content(&content);
	return news;
}

unsigned tlssource_level(const struct certificate *certificate, int64_t now_s)
{
	static const int64_t days[] = {14, 7, 3, 1};
	unsigned level = 0;
	if (!certificate)
		return 0;
	int64_t left_s = certificate->last_s - now_s, whole_s = certificate->last_s - certificate->first_s;
	if (left_s < 0)
		return TLSSOURCE_LEVEL_OVER;
	if (whole_s > USUAL_DAYS * DAY_S)
		whole_s = USUAL_DAYS * DAY_S;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		level += left_s * USUAL_DAYS <= days[i] * whole_s;
	return level;
}
