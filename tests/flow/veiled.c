/* Far ends over TLS. Any thread of the tests; what the proxy has is made on the main one. */
#include "tests/flow/veiled.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "proxy/manners.h"
#include "proxy/ticket.h"
#include "proxy/tlsback.h"
#include "proxy/tlsfront.h"
#include "tests/flow/actor.h"
#include "tests/unit/certificates.h"

#define PATIENCE_MS 20000 /* that nobody should need */
#define SPOILT_MS 100     /* what was spoilt may leave both sides waiting */

/* ---- what the proxy has ---- */

static struct {
	struct scratch *scratch;
	struct issued root, site, backend;
	struct certificate *certificate;
	struct authorities *authorities;
	struct ticket *ticket;
	struct tlsback *back;
	SSL_CTX *clients, *backends;
} place;

static void make_files(void)
{
	void *scratch;
	scratch_set_up(&scratch);
	place.scratch = scratch;
	place.root = certificates_issue(&(struct wish){.subject = "root", .authority = true}, NULL, 100);
	place.site = certificates_issue(&(struct wish){.subject = "site", .names = "DNS:shop.example"}, &place.root, 1);
	place.backend = certificates_issue(&(struct wish){.subject = "back", .names = "DNS:back.example"}, &place.root, 2);
	certificates_append(scratch, "ca.pem", &place.root);
	certificates_append(scratch, "site.pem", &place.site);
	certificates_write_key(scratch, "site.key", place.site.key);
}

static void load_files(void)
{
	struct err err;
	const struct certificate_spec spec = {
		scratch_name(place.scratch, "site.pem"), scratch_name(place.scratch, "site.key"), CERTIFICATE_OF_SERVER, time(NULL), .any_time = false};
	place.certificate = certificate_load(&spec, &err);
	if (!place.certificate)
		fail_msg("%s", err.text);
	place.authorities = authorities_load(scratch_name(place.scratch, "ca.pem"), &err);
	if (!place.authorities)
		fail_msg("%s", err.text);
	place.ticket = ticket_new(0);
}

int veiled_set_up(void **state)
{
	(void)state;
	make_files();
	load_files();
	place.clients = SSL_CTX_new(TLS_client_method());
	place.backends = SSL_CTX_new(TLS_server_method());
	assert_true(X509_STORE_add_cert(SSL_CTX_get_cert_store(place.clients), place.root.certificate));
	SSL_CTX_set_verify(place.clients, SSL_VERIFY_PEER, NULL);
	assert_true(SSL_CTX_use_certificate(place.backends, place.backend.certificate) && SSL_CTX_use_PrivateKey(place.backends, place.backend.key));
	SSL_CTX_set_num_tickets(place.backends, 1);
	SSL_CTX_set_session_cache_mode(place.backends, SSL_SESS_CACHE_OFF);
	return 0;
}

int veiled_tear_down(void **state)
{
	(void)state;
	void *scratch = place.scratch;
	SSL_CTX_free(place.clients);
	SSL_CTX_free(place.backends);
	certificate_release(place.certificate);
	authorities_free(place.authorities);
	ticket_release(place.ticket);
	certificates_drop(&place.root);
	certificates_drop(&place.site);
	certificates_drop(&place.backend);
	return scratch_tear_down(&scratch);
}

void veiled_front(struct stage *stage, void (*change)(struct tlsfront_spec *spec))
{
	static const char *const protocols[] = {"http/1.1"};
	struct err err;
	struct tlsfront_spec spec = {.listener = "stage",
		.certificates = &place.certificate,
		.certificate_count = 1,
		.protocols = protocols,
		.protocol_count = 1,
		.authorities = NULL,
		.tickets = place.ticket};
	if (change)
		change(&spec);
	if (spec.clients != TLSFRONT_CLIENTS_UNASKED)
		spec.authorities = place.authorities;
	struct manner manner = {.front = tlsfront_new(&spec, &err)};
	if (!manner.front)
		fail_msg("%s", err.text);
	manners_release(stage->globals.manners);
	stage->globals.manners = manners_new(&manner, 1, NULL);
	tlsfront_release(manner.front);
	stage_flip(stage, COLOR_BLUE);
}

static void dress(struct table_service_spec *spec)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		spec->colors[color].tls = place.back;
}

void veiled_change_back(struct stage *stage)
{
	struct err err;
	const struct tlsback_spec spec = {.verify = true, .authorities = place.authorities, .name = "back.example"};
	if (place.back)
		tlsback_release(place.back);
	place.back = tlsback_new(&spec, &err);
	if (!place.back)
		fail_msg("%s", err.text);
	stage_flip(stage, COLOR_BLUE);
}

void veiled_back(struct stage *stage)
{
	stage->dress = dress;
	veiled_change_back(stage);
}

void veiled_leave_stage(struct stage *stage)
{
	manners_release(stage->globals.manners);
	stage->globals.manners = NULL;
	if (place.back)
		tlsback_release(place.back);
	place.back = NULL;
}

/* ---- a far end ---- */

static void init(struct veiled *veiled, SSL *ssl, int fd, int version, struct veiled_spoil spoil)
{
	int on = 1;
	memset(veiled, 0, sizeof(*veiled));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* or each record waits for the one before to be acknowledged */
	veiled->ssl = ssl;
	veiled->fd = fd;
	veiled->spoil = spoil;
	veiled->in = BIO_new(BIO_s_mem());
	veiled->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(veiled->in, -1);
	SSL_set_bio(ssl, veiled->in, veiled->out);
	SSL_set_min_proto_version(ssl, version);
	SSL_set_max_proto_version(ssl, version);
}

void veiled_init_client(struct veiled *veiled, int fd, int version, struct veiled_spoil spoil)
{
	init(veiled, SSL_new(place.clients), fd, version, spoil);
	SSL_set_tlsext_host_name(veiled->ssl, "shop.example");
	SSL_set1_host(veiled->ssl, "shop.example");
	SSL_set_connect_state(veiled->ssl);
}

void veiled_init_backend(struct veiled *veiled, int fd, int version, struct veiled_spoil spoil)
{
	init(veiled, SSL_new(place.backends), fd, version, spoil);
	SSL_set_accept_state(veiled->ssl);
}

void veiled_give_no_tickets(struct veiled *veiled)
{
	SSL_set_options(veiled->ssl, SSL_OP_NO_TICKET);
	SSL_set_num_tickets(veiled->ssl, 0);
}

void veiled_fini(struct veiled *veiled)
{
	SSL_set_shutdown(veiled->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(veiled->ssl);
	free(veiled->held);
	ERR_clear_error();
}

/* ---- sending, spoilt or not ---- */

void veiled_say_raw(struct veiled *veiled, const void *bytes, size_t length)
{
	const char *at = bytes;
	while (length > 0 && !veiled->over) {
		ssize_t sent = send(veiled->fd, at, length, MSG_NOSIGNAL);
		veiled->over = sent <= 0;
		at += sent;
		length -= (size_t)sent;
	}
}

static bool is_of_bytes(enum veiled_deed deed)
{
	return deed == VEILED_END || deed == VEILED_RESET || deed == VEILED_FLIP;
}

static bool is_repeated(enum veiled_deed deed)
{
	return deed == VEILED_TWICE || deed == VEILED_AGAIN;
}

static bool is_its_turn(const struct veiled *veiled, size_t length)
{
	const struct veiled_spoil *spoil = &veiled->spoil;
	if (spoil->deed == VEILED_NOTHING || veiled->fired)
		return false;
	if (is_of_bytes(spoil->deed))
		return spoil->at >= veiled->said && spoil->at < veiled->said + length;
	return spoil->at == veiled->records;
}

static void hold(struct veiled *veiled, const char *record, size_t length)
{
	veiled->held = malloc(length);
	memcpy(veiled->held, record, length);
	veiled->held_length = length;
}

static void cut(struct veiled *veiled, const char *record, size_t length, bool reset)
{
	struct linger now = {1, 0};
	veiled_say_raw(veiled, record, length);
	veiled->over = true;
	if (reset)
		setsockopt(veiled->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	else
		shutdown(veiled->fd, SHUT_WR);
}

static void put_in_front(struct veiled *veiled)
{
	static const char clear[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	switch (veiled->spoil.deed) {
	case VEILED_CLEAR:
		veiled_say_raw(veiled, clear, sizeof(clear) - 1);
		break;
	case VEILED_ALERT:
		veiled_say_raw(veiled, "\x15\x03\x03\0\x02\x01\0", 7);
		break;
	case VEILED_CHANGE:
		veiled_say_raw(veiled, "\x14\x03\x03\0\x01\x01", 6);
		break;
	default:
		veiled_say_raw(veiled, "\x17\x03\x03\0\0", 5);
		break;
	}
}

static void spoil_record(struct veiled *veiled, char *record, size_t length)
{
	size_t at = veiled->spoil.at - veiled->said;
	veiled->fired = true;
	veiled->intact = veiled->phase + (is_repeated(veiled->spoil.deed) && veiled->phase > 0);
	switch (veiled->spoil.deed) {
	case VEILED_END:
	case VEILED_RESET:
		cut(veiled, record, at, veiled->spoil.deed == VEILED_RESET);
		break;
	case VEILED_FLIP:
		record[at] = (char)(record[at] ^ 1 << veiled->spoil.at % 8);
		veiled_say_raw(veiled, record, length);
		break;
	case VEILED_TWICE:
	case VEILED_AGAIN:
		veiled_say_raw(veiled, record, length);
		if (veiled->spoil.deed == VEILED_AGAIN)
			actor_wait_ms(3);
		veiled_say_raw(veiled, record, length);
		break;
	case VEILED_LATE:
		hold(veiled, record, length);
		break;
	case VEILED_LOST:
		break;
	default:
		put_in_front(veiled);
		veiled_say_raw(veiled, record, length);
	}
}

static void send_record(struct veiled *veiled, char *record, size_t length)
{
	char *held = veiled->held;
	veiled->held = NULL;
	if (is_its_turn(veiled, length))
		spoil_record(veiled, record, length);
	else
		veiled_say_raw(veiled, record, length);
	if (held)
		veiled_say_raw(veiled, held, veiled->held_length);
	free(held);
	veiled->said += length;
	veiled->records++;
}

void veiled_flush(struct veiled *veiled)
{
	char record[5 + SSL3_RT_MAX_ENCRYPTED_LENGTH];
	while (BIO_read(veiled->out, record, 5) == 5) {
		int length = (int)((unsigned char)record[3] << 8 | (unsigned char)record[4]);
		if (BIO_read(veiled->out, record + 5, length) != length)
			abort();
		send_record(veiled, record, 5 + (size_t)length);
	}
}

/* ---- hearing ---- */

static bool fetch(struct veiled *veiled)
{
	char bytes[16384];
	struct pollfd here = {veiled->fd, POLLIN, 0};
	if (veiled->over && veiled->spoil.deed == VEILED_RESET)
		return false;
	if (poll(&here, 1, veiled->fired ? SPOILT_MS : PATIENCE_MS) <= 0) {
		veiled->late = true;
		return false;
	}
	ssize_t got = recv(veiled->fd, bytes, sizeof(bytes), 0);
	veiled->heard_fin |= got == 0;
	if (got <= 0)
		return false;
	BIO_write(veiled->in, bytes, (int)got);
	return true;
}

/* Whether the SSL only wants more bytes. */
static bool wants_more(const struct veiled *veiled, int result)
{
	bool wants = SSL_get_error(veiled->ssl, result) == SSL_ERROR_WANT_READ;
	ERR_clear_error();
	return wants;
}

bool veiled_shake(struct veiled *veiled)
{
	for (;;) {
		ERR_clear_error();
		int result = SSL_do_handshake(veiled->ssl);
		veiled_flush(veiled);
		if (result == 1)
			return true;
		if (!wants_more(veiled, result) || !fetch(veiled))
			return false;
	}
}

bool veiled_say_bytes(struct veiled *veiled, const char *bytes, size_t length)
{
	veiled->phase++;
	bool formed = SSL_write(veiled->ssl, bytes, (int)length) == (int)length;
	ERR_clear_error();
	veiled_flush(veiled);
	return formed && !veiled->over;
}

bool veiled_say(struct veiled *veiled, const char *text)
{
	return veiled_say_bytes(veiled, text, strlen(text));
}

void veiled_say_end(struct veiled *veiled)
{
	veiled->phase++;
	SSL_shutdown(veiled->ssl);
	ERR_clear_error();
	veiled_flush(veiled);
}

size_t veiled_hear(struct veiled *veiled, char *bytes, size_t size)
{
	for (;;) {
		int got = SSL_read(veiled->ssl, bytes, (int)size);
		if (got > 0)
			return (size_t)got;
		veiled->heard_end |= SSL_get_error(veiled->ssl, got) == SSL_ERROR_ZERO_RETURN;
		bool more = wants_more(veiled, got);
		veiled_flush(veiled); /* an alert, or an answer to new keys */
		if (!more || !fetch(veiled))
			return 0;
	}
}

bool veiled_hear_head(struct veiled *veiled, char *head, size_t size)
{
	for (size_t length = 0; length < size - 1; length++) {
		if (veiled_hear(veiled, head + length, 1) == 0)
			return false;
		head[length + 1] = '\0';
		if (length >= 3 && memcmp(head + length - 3, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

int veiled_read_answer(struct veiled *veiled, char *answer, size_t size)
{
	if (!veiled_hear_head(veiled, answer, size))
		return 0;
	size_t at = strlen(answer), got;
	const char *field = strcasestr(answer, "\r\nContent-Length:");
	int status = atoi(answer + 9);
	size_t left = field ? strtoul(field + 17, NULL, 10) : size - 1 - at;
	while (left > 0 && (got = veiled_hear(veiled, answer + at, left)) > 0) {
		at += got;
		left -= got;
	}
	answer[at] = '\0';
	return field ? left == 0 ? status : 0 : veiled->heard_end ? status : 0;
}

bool veiled_leave(struct veiled *veiled)
{
	char bytes[4096];
	struct pollfd here = {veiled->fd, POLLIN, 0};
	if (veiled->over && veiled->spoil.deed == VEILED_RESET)
		return true;
	if (!veiled->heard_fin)
		shutdown(veiled->fd, SHUT_WR);
	while (poll(&here, 1, PATIENCE_MS) > 0) {
		if (recv(veiled->fd, bytes, sizeof(bytes), 0) <= 0)
			return true;
	}
	return false;
}
