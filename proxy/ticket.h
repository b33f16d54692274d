/* The keys under which clients keep their TLS sessions (RFC 5077, RFC 8446 section 4.6.1): one newest, which seals, and the one before, which still opens.
 *
 * The control thread makes them and renews them; workers use them, without a lock. One for the whole process outlives reloads, so that clients resume across them. What a ticket was made for is in the
 * ticket and compared by OpenSSL (the session id context, see tlsfront): the keys say nothing of it. */
#ifndef TEAL_PROXY_TICKET_H
#define TEAL_PROXY_TICKET_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#define TICKET_RENEW_MS (12 * 3600 * 1000ull)
#define TICKET_NAME_SIZE 16
#define TICKET_LIFETIME_S (12 * 3600) /* that clients are told: no longer than a key is sure to be good for */

struct ticket;

/* Random ones. Never NULL; one reference is the caller's. `now_ms` is monotonic, here and below. */
struct ticket *ticket_new(uint64_t now_ms);
/* Any thread. The last one wipes the keys. */
void ticket_hold(struct ticket *ticket);
void ticket_release(struct ticket *ticket);

/* Control thread, as often as it likes: when the newest is TICKET_RENEW_MS old it becomes the one before, and the one that was before is wiped at once. Returns whether. After twice that time without a call both go. */
bool ticket_renew(struct ticket *ticket, uint64_t now_ms);

/* Workers: what SSL_CTX_set_tlsext_ticket_key_evp_cb(3) asks for. Sealing: 1, or -1. Opening: 0 when it is no key's (a full handshake follows), 1 when it is the newest's, 2 when it is the one's before (a new ticket follows),
 * -1 when the library fails. */
int ticket_apply(struct ticket *ticket, unsigned char name[TICKET_NAME_SIZE], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seal);

#endif
