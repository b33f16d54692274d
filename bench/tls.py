"""TLS in the comparison: the certificates, what each program is set to, and what the load offers.

What holds for all:
- the same certificate, for localhost, of an authority of the run's own: ECDSA with P-256, or RSA with 2048 bits where the line says so; no OCSP. It alone is sent, without a chain.
- TLS 1.2 and 1.3 are on, whatever the line is about. Which of them, which cipher suite and which group is used is decided by what the other side offers: TLS_AES_128_GCM_SHA256 and X25519 alone
  (with TLS 1.2 ECDHE and AES128-GCM-SHA256), so that no program's preference makes its work another one. Only the line tls-default leaves it to the programs.
- sessions are resumed by tickets alone, under keys of the process; none is kept in a cache, which costs memory and, with TLS 1.3, a copy for each ticket.
- records of up to 16 KiB, the most there is: the fewest for a long body, and a short answer is one record in any case.
- no kTLS: it needs a module of the kernel's. So nothing is spliced; `haproxy-splice` is HAProxy with buffers of 64 KiB, which pays for long bodies all the same.
"""
import os
import subprocess

NAME = "localhost"  # of certificates, and what clients ask for
HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = {"ecdsa": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("rsa:2048",)}
DAYS = "30"
SUITE = "TLS_AES_128_GCM_SHA256"


# ---- certificates ----


def request(folder, name, kind, *more):
    """A key and a certificate, in files of this name."""
    paths = os.path.join(folder, f"{name}.key"), os.path.join(folder, f"{name}.pem")
    command = ["openssl", "req", "-x509", "-config", os.path.join(HERE, "certificates.cnf"), "-newkey", *KEYS[kind], "-nodes", "-days", DAYS, "-keyout", paths[0], "-out", paths[1], *more]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed:\n{done.stderr}")
    return paths


def authority(folder):
    """The file of the one that signed; made when it is asked for first."""
    path = os.path.join(folder, "authority.pem")
    if not os.path.exists(path):
        request(folder, "authority", "ecdsa", "-subj", "/CN=authority of bench", "-extensions", "authority")
    return path


def certificate(folder, kind):
    """(certificate, key, both in one file); made when it is asked for first."""
    signer, both = authority(folder), os.path.join(folder, f"{kind}.both")
    paths = os.path.join(folder, f"{kind}.pem"), os.path.join(folder, f"{kind}.key")
    if not os.path.exists(both):
        request(folder, kind, kind, "-subj", f"/CN={NAME}", "-extensions", "server", "-CA", signer, "-CAkey", os.path.join(folder, "authority.key"))
        with open(os.open(both, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            for path in paths:
                with open(path) as part:
                    file.write(part.read())
    return *paths, both


# ---- the programs ----

# nginx in front.
# - 1.22 has TLS 1.3 only where it is named.
# - ssl_session_cache off: with its default, `none`, nothing is kept, either; tickets are on by default.
# - ssl_buffer_size is 16k by default, which is one whole record. It gives its buffers back while a connection is idle, and has OpenSSL do so, by itself.
NGINX_FRONT = "ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets on; ssl_buffer_size 16k;"

# nginx towards the origin. By default it has no TLS 1.3, verifies nothing and names nobody; sessions are resumed by default.
NGINX_BEHIND = ("proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_verify on; proxy_ssl_trusted_certificate {authority}; proxy_ssl_name {name}; proxy_ssl_server_name on; "
                "proxy_ssl_session_reuse on;")

# HAProxy in front.
# - tune.ssl.cachesize 0: no cache of sessions, which tickets don't need.
# - tune.ssl.maxrecord stays 0: a record is as long as what there is to send, at most 16 KiB. It has OpenSSL give buffers back, by itself.
HAPROXY_FRONT = " ssl crt {both} ssl-min-ver TLSv1.2"
HAPROXY_GLOBAL = "tune.ssl.cachesize 0"

# HAProxy towards the origin: its probes use TLS, too.
HAPROXY_BEHIND = " ssl verify required ca-file {authority} sni str({name}) verifyhost {name}"

# teal: what it is by default; towards the origin it verifies and resumes by default.
TEAL_FRONT = ", tls: {{certificates: [{{certificate: {certificate}, key: {key}}}]}}"
TEAL_BEHIND = ", tls: {{ca: {authority}, name: {name}}}"

# The origin decides for all what is spoken behind.
ORIGIN = "ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites " + SUITE + "; ssl_session_cache off;"


def front(text, folder, kind):
    """The setting for what clients see; nothing where they speak in clear."""
    if not kind:
        return ""
    paths = certificate(folder, kind)
    return text.format(certificate=paths[0], key=paths[1], both=paths[2])


def behind(text, folder, wanted):
    """The setting for what is spoken to the origin; nothing where that is in clear."""
    return text.format(authority=authority(folder), name=NAME) if wanted else ""


def origin(folder):
    paths = certificate(folder, "ecdsa")
    return ORIGIN.format(certificate=paths[0], key=paths[1])


# ---- the load ----


def client_environment(version):
    """For a client of OpenSSL's that can't be told what to offer by options of its own; version "": what OpenSSL offers by itself."""
    return {"OPENSSL_CONF": os.path.join(HERE, "client.cnf"), "CLIENT_VERSION": version} if version else {}
