/* Certificates and keys in files: what is taken, what is known of it, and the sentence for each fault. */
// links: proxy
#include "tests/unit/certificates.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "proxy/certificate.h"

/* ---- a place with an authority ---- */

struct place {
	struct scratch *scratch;
	struct issued root, middle;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	void *scratch;
	scratch_set_up(&scratch);
	place->scratch = scratch;
	place->root = certificates_issue(&(struct wish){.subject = "root", .authority = true}, NULL, 100);
	place->middle = certificates_issue(&(struct wish){.subject = "middle", .authority = true}, &place->root, 101);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	void *scratch = place->scratch;
	certificates_drop(&place->root);
	certificates_drop(&place->middle);
	scratch_tear_down(&scratch);
	free(place);
	return 0;
}

static struct certificate *load_as(struct place *place, enum certificate_role role, bool any_time, struct err *err)
{
	struct certificate_spec spec = {
		scratch_name(place->scratch, "site.pem"), scratch_name(place->scratch, "site.key"), role, time(NULL), .any_time = any_time};
	return certificate_load(&spec, err);
}

static struct certificate *load(struct place *place)
{
	struct err err;
	struct certificate *certificate = load_as(place, CERTIFICATE_OF_SERVER, false, &err);
	if (!certificate)
		fail_msg("%s", err.text);
	return certificate;
}

/* Writes site.pem and site.key: the certificate that is wished for, by the middle one, which is behind it. */
static void write_pair(struct place *place, const struct wish *wish)
{
	struct issued leaf = certificates_issue(wish, &place->middle, 1);
	certificates_append(place->scratch, "site.pem", &leaf);
	certificates_append(place->scratch, "site.pem", &place->middle);
	certificates_write_key(place->scratch, "site.key", leaf.key);
	certificates_drop(&leaf);
}

/* Puts the paths in place of $C and $K. */
static void expand(struct place *place, const char *sentence, char out[1024])
{
	size_t at = 0;
	out[0] = '\0';
	for (; *sentence; sentence++) {
		bool path = sentence[0] == '$' && (sentence[1] == 'C' || sentence[1] == 'K');
		at += (size_t)(path ? snprintf(out + at, 1024 - at, "%s/%s", place->scratch->path, sentence[1] == 'C' ? "site.pem" : "site.key")
				    : snprintf(out + at, 1024 - at, "%c", *sentence));
		assert_true(at < 1024);
		sentence += path;
	}
}

static void expect_fault_as(struct place *place, enum certificate_role role, const char *sentence)
{
	struct err err = {.text = ""};
	char expected[1024];
	struct certificate *certificate = load_as(place, role, false, &err);
	expand(place, sentence, expected);
	assert_string_equal(err.text, expected);
	assert_null(certificate);
}

static void expect_fault(struct place *place, const char *sentence)
{
	expect_fault_as(place, CERTIFICATE_OF_SERVER, sentence);
}

/* ---- what is known of a good one ---- */

static void a_good_pair_is_known(void **state)
{
	struct place *place = *state;
	int64_t before_s = time(NULL);
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:WWW.Example.com,DNS:*.example.org,DNS:dot.example.,IP:192.0.2.1,DNS:www.example.com"});
	struct certificate *certificate = load(place);
	static const char *const names[] = {"www.example.com", "*.example.org", "dot.example", "www.example.com"};
	assert_int_equal(certificate->name_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(certificate->names[i], names[i]);
	assert_int_equal(certificate->kind, CERTIFICATE_ECDSA);
	assert_string_equal(certificate->key_text, "ECDSA with P-256");
	assert_int_equal(sk_X509_num(certificate->chain), 1);
	assert_int_equal(strspn(certificate->id, "0123456789abcdef"), CERTIFICATE_ID_SIZE - 1);
	assert_in_range(certificate->first_s, before_s - DAY_S - 3600, before_s - DAY_S + 3600);
	assert_in_range(certificate->last_s, before_s + 90 * DAY_S - 3600, before_s + 90 * DAY_S + 3600);
	assert_null(certificate->warning);
	certificate_release(certificate);
}

static void it_is_good_on_its_first_and_last_second(void **state)
{
	struct place *place = *state;
	struct err err;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	struct certificate *certificate = load(place);
	int64_t first_s = certificate->first_s, last_s = certificate->last_s;
	const struct row {
		int64_t now_s;
		bool timely;
		unsigned days;
	} rows[] = {
		{first_s - 1, false, 91},
		{first_s, true, 91},
		{last_s - DAY_S, true, 1},
		{last_s - DAY_S + 1, true, 0},
		{last_s, true, 0},
		{last_s + 1, false, 0},
		{last_s + 10 * DAY_S, false, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(certificate_is_timely(certificate, "p", rows[i].now_s, &err), rows[i].timely);
		assert_int_equal(certificate_days_left(certificate, rows[i].now_s), rows[i].days);
	}
	certificate_release(certificate);
}

static void kinds_of_keys(void **state)
{
	static const struct row {
		const char *kind;
		enum certificate_kind taken;
		const char *text;
	} rows[] = {
		{"P-256", CERTIFICATE_ECDSA, "ECDSA with P-256"},
		{"P-384", CERTIFICATE_ECDSA, "ECDSA with P-384"},
		{"RSA-2048", CERTIFICATE_RSA, "RSA with 2048 bits"},
	};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example", .kind = rows[i].kind});
		struct certificate *certificate = load(place);
		assert_int_equal(certificate->kind, rows[i].taken);
		assert_string_equal(certificate->key_text, rows[i].text);
		certificate_release(certificate);
		scratch_remove(place->scratch, "site.pem");
	}
}

static void kinds_that_are_refused(void **state)
{
	static const struct row {
		const char *kind, *text;
	} rows[] = {
		{"P-521", "ECDSA with secp521r1"},
		{"RSA-1024", "RSA with 1024 bits"},
		{"ED25519", "ED25519"},
	};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char sentence[300];
		snprintf(sentence, sizeof(sentence),
			"$C: the certificate's key is %s, but only RSA with 2048 to 8192 bits and ECDSA with P-256 or P-384 are taken: have one issued for such a key",
			rows[i].text);
		write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example", .kind = rows[i].kind});
		expect_fault(place, sentence);
		scratch_remove(place->scratch, "site.pem");
	}
}

/* To make a real one takes minutes; its public half is enough here. */
static EVP_PKEY *make_public_rsa(int bits)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *modulus = BN_new(), *exponent = BN_new();
	EVP_PKEY *key = NULL;
	assert_true(BN_set_bit(modulus, bits - 1) && BN_set_bit(modulus, 0) && BN_set_word(exponent, RSA_F4));
	assert_true(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent));
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	assert_true(EVP_PKEY_fromdata_init(context) == 1 && EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	BN_free(modulus);
	BN_free(exponent);
	return key;
}

static void a_key_that_is_too_long(void **state)
{
	struct place *place = *state;
	struct issued leaf = {X509_new(), make_public_rsa(8193)};
	certificates_fill(leaf.certificate, place->middle.certificate, &(struct wish){.subject = "x", .names = "DNS:a.example"}, leaf.key);
	assert_true(X509_sign(leaf.certificate, place->middle.key, EVP_sha256()) > 0);
	certificates_append(place->scratch, "site.pem", &leaf);
	certificates_write_key(place->scratch, "site.key", certificates_key("P-256", 1));
	EVP_PKEY_free(leaf.key);
	certificates_drop(&leaf);
	expect_fault(place,
		"$C: the certificate's key is RSA with 8193 bits, but only RSA with 2048 to 8192 bits and ECDSA with P-256 or P-384 are taken: have one issued for such a key");
}

/* As some programs keep them; and as openssl(1) writes keys of elliptic curves. */
static void both_may_be_in_one_file(void **state)
{
	struct place *place = *state;
	struct err err = {.text = ""};
	static const char parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
	struct issued leaf = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:a.example"}, &place->middle, 1);
	for (unsigned key_first = 0; key_first < 2; key_first++) {
		scratch_put(place->scratch, "site.pem", O_TRUNC, "words of somebody's\n", 20);
		certificates_write_key(place->scratch, "site.key", leaf.key);
		if (key_first)
			scratch_append(place->scratch, "site.pem", parameters);
		if (!key_first)
			certificates_append(place->scratch, "site.pem", &leaf);
		BIO *bio = BIO_new(BIO_s_mem());
		assert_true(PEM_write_bio_PrivateKey_traditional(bio, leaf.key, NULL, NULL, 0, NULL, NULL));
		certificates_put(place->scratch, "site.pem", O_APPEND, bio);
		if (key_first)
			certificates_append(place->scratch, "site.pem", &leaf);
		certificates_append(place->scratch, "site.pem", &place->middle);
		assert_int_equal(chmod(scratch_name(place->scratch, "site.pem"), 0600), 0);
		const char *path = scratch_name(place->scratch, "site.pem");
		struct certificate *certificate =
			certificate_load(&(struct certificate_spec){path, path, CERTIFICATE_OF_SERVER, time(NULL), .any_time = false}, &err);
		assert_string_equal(err.text, "");
		assert_non_null(certificate);
		assert_int_equal(sk_X509_num(certificate->chain), 1);
		certificate_release(certificate);
	}
	certificates_drop(&leaf);
}

/* As certbot and orchestrators have them. */
static void links_are_followed(void **state)
{
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	scratch_rename(place->scratch, "site.pem", "fullchain1.pem");
	scratch_rename(place->scratch, "site.key", "privkey1.pem");
	scratch_link(place->scratch, "fullchain1.pem", "site.pem");
	scratch_link(place->scratch, "privkey1.pem", "site.key");
	certificate_release(load(place));
	assert_int_equal(chmod(scratch_name(place->scratch, "privkey1.pem"), 0644), 0);
	expect_fault(place, "the key file $K may be used by others than its owner (mode 0644): chmod 600 it");
}

static void it_is_counted(void **state)
{
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	struct certificate *certificate = load(place);
	certificate_hold(certificate);
	certificate_release(certificate);
	assert_string_equal(certificate->names[0], "a.example");
	certificate_release(certificate);
}

/* ---- names ---- */

static void names_that_nobody_can_ask_for_are_left_out(void **state)
{
	static const struct row {
		const char *octets;
		size_t length;
	} rows[] = {
		{"www.example.com\0.evil.example", 29},
		{"\0", 1},
		{"", 0},
		{".", 1},
		{"a..example", 10},
		{".example", 8},
		{"a b.example", 11},
		{"a.example\n", 10},
		{"*", 1},
		{"*.", 2},
		{"w*.example.com", 14},
		{"*w.example.com", 14},
		{"www.*.com", 9},
		{"*.*.com", 7},
		{"a.example..", 11},
		{"b\xc3\xbc.example", 11},
		{"0123456789012345678901234567890123456789012345678901234567890123.example", 72},
	};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_pair(place, &(struct wish){.subject = "www.example.com", .octets = rows[i].octets, .octet_count = rows[i].length});
		expect_fault(place,
			"$C: the certificate has no name of DNS that clients look at (subject alternative name; its common name does not count): have one issued with its names");
		scratch_remove(place->scratch, "site.pem");
	}
}

static void a_certificate_without_names_is_refused(void **state)
{
	static const char *const names[] = {NULL, "IP:192.0.2.1", "email:a@example", "URI:https://a.example/"};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		write_pair(place, &(struct wish){.subject = "www.example.com", .names = names[i]});
		expect_fault(place,
			"$C: the certificate has no name of DNS that clients look at (subject alternative name; its common name does not count): have one issued with its names");
		scratch_remove(place->scratch, "site.pem");
	}
}

/* ---- faults of files ---- */

static void files_that_are_not_there(void **state)
{
	struct place *place = *state;
	expect_fault(place, "the certificate file $C can't be opened: No such file or directory");
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	scratch_remove(place->scratch, "site.key");
	expect_fault(place, "the key file $K can't be opened: No such file or directory");
	scratch_folder(place->scratch, "site.key");
	assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), 0700), 0);
	expect_fault(place, "the key file $K is no regular file");
	scratch_remove(place->scratch, "site.pem");
	assert_int_equal(mkfifo(scratch_name(place->scratch, "site.pem"), 0600), 0);
	expect_fault(place, "the certificate file $C is no regular file");
}

static void keys_that_others_can_use(void **state)
{
	static const struct row {
		unsigned mode;
		const char *sentence; /* NULL: it is good */
	} rows[] = {
		{0600, NULL},
		{0400, NULL},
		{0640, "the key file $K may be used by others than its owner (mode 0640): chmod 600 it"},
		{0604, "the key file $K may be used by others than its owner (mode 0604): chmod 600 it"},
		{0644, "the key file $K may be used by others than its owner (mode 0644): chmod 600 it"},
	};
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), rows[i].mode), 0);
		if (rows[i].sentence)
			expect_fault(place, rows[i].sentence);
		else
			certificate_release(load(place));
	}
}

/* What packages and orchestrators do: root's, and readable by the group of the process. Only where the tests run as root. */
static void a_key_of_roots_may_be_a_groups(void **state)
{
	struct place *place = *state;
	struct err err = {.text = ""};
	if (geteuid() != 0)
		skip();
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	assert_int_equal(chmod(place->scratch->path, 0755), 0);
	assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), 0640), 0);
	assert_int_equal(chown(scratch_name(place->scratch, "site.key"), 0, 65534), 0);
	assert_int_equal(setegid(65534), 0);
	assert_int_equal(seteuid(65534), 0);
	struct certificate *certificate = load_as(place, CERTIFICATE_OF_SERVER, false, &err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_string_equal(err.text, "");
	certificate_release(certificate);
}

static void files_that_are_too_large(void **state)
{
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	assert_int_equal(truncate(scratch_name(place->scratch, "site.key"), 256 * 1024 + 1), 0);
	expect_fault(place, "the key file $K is larger than 256 KiB, which no such file is");
	assert_int_equal(truncate(scratch_name(place->scratch, "site.pem"), 256 * 1024 + 1), 0);
	expect_fault(place, "the certificate file $C is larger than 256 KiB, which no such file is");
}

static void files_that_hold_something_else(void **state)
{
	struct place *place = *state;
	scratch_rewrite(place->scratch, "site.pem", "");
	certificates_write_key(place->scratch, "site.key", certificates_key("P-256", 1));
	expect_fault(place, "the certificate file $C holds no certificate (nothing in it begins with -----BEGIN CERTIFICATE-----)");
	scratch_rewrite(place->scratch, "site.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
	expect_fault(place, "certificate 1 in $C can't be understood: it is garbled or cut off");
	scratch_rewrite(place->scratch, "site.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
	expect_fault(place, "certificate 1 in $C can't be understood: it is garbled or cut off");
	scratch_remove(place->scratch, "site.pem");
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	scratch_append(place->scratch, "site.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
	expect_fault(place, "certificate 3 in $C can't be understood: it is garbled or cut off");
	scratch_remove(place->scratch, "site.pem");
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	scratch_rewrite(place->scratch, "site.key", "");
	expect_fault(place, "the key file $K holds no private key (nothing in it begins with -----BEGIN PRIVATE KEY----- or the like)");
	scratch_rewrite(place->scratch, "site.key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
	expect_fault(place, "the private key in $K can't be understood: it is garbled or cut off");
	scratch_rewrite(place->scratch, "site.key", "-----BEGIN EC PRIVATE KEY-----\nMIIB");
	expect_fault(place, "the private key in $K can't be understood: it is garbled or cut off");
}

static void files_that_are_mixed_up(void **state)
{
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	scratch_rename(place->scratch, "site.pem", "other");
	certificates_write_key(place->scratch, "site.pem", certificates_key("P-256", 1));
	assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), 0644), 0);
	expect_fault(place, "the certificate file $C holds no certificate but a private key: are the two files mixed up?");
	assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), 0600), 0);
	scratch_rename(place->scratch, "other", "site.pem");
	struct issued leaf = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:a.example"}, &place->middle, 1);
	scratch_rewrite(place->scratch, "site.key", "");
	certificates_append(place->scratch, "site.key", &leaf);
	certificates_drop(&leaf);
	expect_fault(place, "the key file $K holds no private key but a certificate: are the two files mixed up?");
}

static void encrypted_keys_are_refused(void **state)
{
	struct place *place = *state;
	char word[] = "word";
	EVP_PKEY *key = certificates_key("P-256", 1);
	for (unsigned traditional = 0; traditional < 2; traditional++) {
		scratch_put(place->scratch, "site.pem", O_TRUNC, "", 0);
		write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
		BIO *bio = BIO_new(BIO_s_mem());
		if (traditional)
			assert_true(PEM_write_bio_PrivateKey_traditional(bio, key, EVP_aes_128_cbc(), (unsigned char *)word, 4, NULL, NULL));
		else
			assert_true(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), word, 4, NULL, NULL));
		certificates_put(place->scratch, "site.key", O_TRUNC, bio);
		expect_fault(
			place, "the key file $K is encrypted, and there is nobody to ask for its passphrase: write the key without one (openssl pkey -in $K)");
	}
}

/* ---- faults of the pair ---- */

static void set_age(struct place *place, const char *name, time_t changed_s)
{
	const struct timespec times[2] = {{changed_s, 0}, {changed_s, 0}};
	assert_int_equal(utimensat(AT_FDCWD, scratch_name(place->scratch, name), times, 0), 0);
}

static void the_key_of_another_certificate(void **state)
{
	static const struct row {
		time_t certificate_s, key_s;
		const char *sentence;
	} rows[] = {
		{1000, 1000, "the key in $K is not the one of the certificate in $C: one of the two files is of another certificate"},
		{1000, 2000,
			"the key in $K is not the one of the certificate in $C: one of the two files is of another certificate, perhaps $C, which is the older one"},
		{2000, 1000,
			"the key in $K is not the one of the certificate in $C: one of the two files is of another certificate, perhaps $K, which is the older one"},
	};
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	certificates_write_key(place->scratch, "site.key", certificates_key("P-256", 2));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_age(place, "site.pem", rows[i].certificate_s);
		set_age(place, "site.key", rows[i].key_s);
		expect_fault(place, rows[i].sentence);
	}
	certificates_write_key(place->scratch, "site.key", certificates_key("RSA-2048", 1));
	expect_fault(place,
		"the key in $K (RSA with 2048 bits) is not the one of the certificate in $C (ECDSA with P-256): one of the two files is of another certificate");
	certificates_write_key(place->scratch, "site.key", certificates_key("ED25519", 1));
	expect_fault(place,
		"the key in $K (neither RSA nor ECDSA) is not the one of the certificate in $C (ECDSA with P-256): one of the two files is of another certificate");
}

static void the_first_certificate_is_not_the_keys(void **state)
{
	struct place *place = *state;
	struct issued leaf = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:a.example"}, &place->middle, 1);
	certificates_append(place->scratch, "site.pem", &place->middle);
	certificates_append(place->scratch, "site.pem", &leaf);
	certificates_write_key(place->scratch, "site.key", leaf.key);
	certificates_drop(&leaf);
	expect_fault(place, "$C: the key in $K is that of certificate 2 of the file, which must be the first: put it in front");
}

/* It says the public key of the certificate, but the private part is of another one. */
static void a_key_whose_halves_differ(void **state)
{
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	unsigned char *one = NULL, *other = NULL;
	int length = i2d_PrivateKey(certificates_key("P-256", 1), &one), other_length = i2d_PrivateKey(certificates_key("P-256", 2), &other);
	assert_int_equal(length, other_length);
	memcpy(one + 7, other + 7, 32); /* RFC 5915: version, then the octets of the private key */
	BIO *bio = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio(bio, "EC PRIVATE KEY", "", one, length) > 0);
	certificates_put(place->scratch, "site.key", O_TRUNC, bio);
	OPENSSL_free(one);
	OPENSSL_free(other);
	expect_fault(place, "the private key in $K is damaged: what it signs is not of its own public key");
}

static void chains_that_are_out_of_order(void **state)
{
	struct place *place = *state;
	struct issued leaf = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:a.example"}, &place->middle, 1);
	struct issued namesake = certificates_issue(&(struct wish){.subject = "middle", .authority = true}, &place->root, 102);
	struct issued plain = certificates_issue(&(struct wish){.subject = "plain"}, &place->root, 103);
	struct issued of_plain = certificates_issue(&(struct wish){.subject = "x", .names = "DNS:a.example"}, &plain, 1);
	const struct row {
		const struct issued *certificates[3];
		const char *sentence;
	} rows[] = {
		{{&leaf, &place->root, &place->middle},
			"$C: certificate 1 of the file was not issued by certificate 2, which is behind it: put behind each one the one that issued it, and leave out all others"},
		{{&leaf, &place->middle, &plain},
			"$C: certificate 2 of the file was not issued by certificate 3, which is behind it: put behind each one the one that issued it, and leave out all others"},
		{{&leaf, &namesake},
			"$C: certificate 1 of the file was not issued by certificate 2, which is behind it: put behind each one the one that issued it, and leave out all others"},
		{{&of_plain, &plain},
			"$C: certificate 1 of the file was not issued by certificate 2, which is behind it: put behind each one the one that issued it, and leave out all others"},
	};
	certificates_write_key(place->scratch, "site.key", leaf.key);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scratch_rewrite(place->scratch, "site.pem", "");
		for (size_t j = 0; j < 3 && rows[i].certificates[j]; j++)
			certificates_append(place->scratch, "site.pem", rows[i].certificates[j]);
		expect_fault(place, rows[i].sentence);
	}
	certificates_drop(&leaf);
	certificates_drop(&namesake);
	certificates_drop(&plain);
	certificates_drop(&of_plain);
}

static void a_chain_without_end(void **state)
{
	struct place *place = *state;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	for (unsigned i = 0; i < 10; i++)
		certificates_append(place->scratch, "site.pem", &place->root);
	expect_fault(place, "the certificate file $C holds more than 10 certificates: there should be one and those that issued it");
}

static void certificates_out_of_their_time(void **state)
{
	struct place *place = *state;
	struct err err;
	static const struct row {
		long first_s, last_s;
		const char *words[2];
	} rows[] = {
		{-2 * DAY_S, -DAY_S, {": the certificate expired (it was good until ", " UTC): renew it"}},
		{DAY_S, 2 * DAY_S, {": the certificate is good only from ", ": set the clock, or wait"}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example", .first_s = rows[i].first_s, .last_s = rows[i].last_s});
		assert_null(load_as(place, CERTIFICATE_OF_SERVER, false, &err));
		assert_int_equal(strncmp(err.text, place->scratch->path, strlen(place->scratch->path)), 0);
		assert_non_null(strstr(err.text, rows[i].words[0]));
		assert_string_equal(err.text + strlen(err.text) - strlen(rows[i].words[1]), rows[i].words[1]);
		struct certificate *certificate = load_as(place, CERTIFICATE_OF_SERVER, true, &err);
		assert_non_null(certificate);
		certificate_release(certificate);
		scratch_remove(place->scratch, "site.pem");
	}
}

static void certificates_for_another_use(void **state)
{
	struct place *place = *state;
	struct err err;
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example", .usage = "clientAuth"});
	expect_fault(place, "$C: the certificate is not for servers (its key usage or extended key usage says what for): have one issued that is");
	struct certificate *certificate = load_as(place, CERTIFICATE_OF_CLIENT, false, &err);
	assert_non_null(certificate);
	assert_null(certificate->warning);
	certificate_release(certificate);
	scratch_remove(place->scratch, "site.pem");
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example", .usage = "serverAuth,clientAuth"});
	certificate_release(load(place));
}

/* One of a client's need not have a name, but the rest holds for it. */
static void a_clients_certificate(void **state)
{
	struct place *place = *state;
	struct err err;
	write_pair(place, &(struct wish){.subject = "teal"});
	struct certificate *certificate = load_as(place, CERTIFICATE_OF_CLIENT, false, &err);
	assert_non_null(certificate);
	assert_int_equal(certificate->name_count, 0);
	certificate_release(certificate);
	certificates_write_key(place->scratch, "site.key", certificates_key("RSA-2048", 1));
	expect_fault_as(place, CERTIFICATE_OF_CLIENT,
		"the key in $K (RSA with 2048 bits) is not the one of the certificate in $C (ECDSA with P-256): one of the two files is of another certificate");
}

/* ---- what will do ---- */

static void expect_warning(struct place *place, enum certificate_role role, const char *sentence)
{
	struct err err = {.text = ""};
	char expected[1024];
	struct certificate *certificate = load_as(place, role, false, &err);
	assert_string_equal(err.text, "");
	assert_non_null(certificate);
	expand(place, sentence, expected);
	assert_string_equal(certificate->warning ? certificate->warning : "", expected);
	certificate_release(certificate);
	scratch_remove(place->scratch, "site.pem");
}

static void what_will_do_is_warned_of(void **state)
{
	struct place *place = *state;
	const struct wish wish = {.subject = "x", .names = "DNS:a.example"};
	struct issued alone = certificates_issue(&wish, NULL, 1), bare = certificates_issue(&wish, &place->root, 1);
	struct issued with_access =
		certificates_issue(&(struct wish){.subject = "x", .names = "DNS:a.example", .access = "caIssuers;URI:http://a.example/ca"}, &place->middle, 1);
	struct issued over =
		certificates_issue(&(struct wish){.subject = "over", .authority = true, .first_s = -2 * DAY_S, .last_s = -DAY_S}, &place->root, 102);
	struct issued of_over = certificates_issue(&wish, &over, 1);
	certificates_write_key(place->scratch, "site.key", alone.key);

	certificates_append(place->scratch, "site.pem", &alone);
	expect_warning(place, CERTIFICATE_OF_SERVER, "$C: the certificate is signed by itself: only clients that were given it believe it");
	certificates_append(place->scratch, "site.pem", &bare);
	expect_warning(place, CERTIFICATE_OF_SERVER, "");
	certificates_append(place->scratch, "site.pem", &bare);
	certificates_append(place->scratch, "site.pem", &place->root);
	expect_warning(place, CERTIFICATE_OF_SERVER, "$C: the last certificate of the file is a root, which helps nobody: leave it out");
	certificates_append(place->scratch, "site.pem", &with_access);
	expect_warning(place, CERTIFICATE_OF_SERVER,
		"$C: the file holds the certificate alone, without the one that issued it, which many clients don't have: is there one with the full chain?");
	certificates_append(place->scratch, "site.pem", &of_over);
	certificates_append(place->scratch, "site.pem", &over);
	expect_warning(place, CERTIFICATE_OF_SERVER, "$C: certificate 2 of the file is out of its time: those who see it may not follow the chain");
	write_pair(place, &(struct wish){.subject = "x", .usage = "serverAuth"});
	expect_warning(place, CERTIFICATE_OF_CLIENT,
		"$C: the certificate is not for clients (its key usage or extended key usage says what for): backends may refuse it");
	certificates_append(place->scratch, "site.pem", &alone);
	expect_warning(place, CERTIFICATE_OF_CLIENT, "");

	certificates_drop(&alone);
	certificates_drop(&bare);
	certificates_drop(&with_access);
	certificates_drop(&over);
	certificates_drop(&of_over);
}

static void no_descriptor_is_left(void **state)
{
	struct place *place = *state;
	unsigned before = scratch_count_descriptors();
	write_pair(place, &(struct wish){.subject = "x", .names = "DNS:a.example"});
	certificate_release(load(place));
	assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), 0666), 0);
	expect_fault(place, "the key file $K may be used by others than its owner (mode 0666): chmod 600 it");
	scratch_rewrite(place->scratch, "site.pem", "");
	assert_int_equal(chmod(scratch_name(place->scratch, "site.key"), 0600), 0);
	expect_fault(place, "the certificate file $C holds no certificate (nothing in it begins with -----BEGIN CERTIFICATE-----)");
	assert_int_equal(scratch_count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_pair_is_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_is_good_on_its_first_and_last_second, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kinds_of_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kinds_that_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_that_is_too_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(both_may_be_in_one_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links_are_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_that_nobody_can_ask_for_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_certificate_without_names_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_that_are_not_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_that_others_can_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_of_roots_may_be_a_groups, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_that_are_too_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_that_hold_something_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_that_are_mixed_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(encrypted_keys_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_key_of_another_certificate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_first_certificate_is_not_the_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_whose_halves_differ, set_up, tear_down),
		cmocka_unit_test_setup_teardown(chains_that_are_out_of_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_chain_without_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(certificates_out_of_their_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(certificates_for_another_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_clients_certificate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_will_do_is_warned_of, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_descriptor_is_left, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
