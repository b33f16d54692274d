"""What the tests of TLS work with: authorities and the certificates that they issue, listeners for teal.yaml, a daemon for a whole module, clients on Python's ssl.

    authority = tlsing.Authority(folder)
    site = authority.issue("site", ["shop.example", "*.shop.example"])
    with tlsing.running(services, listen=[tlsing.listener(site)]) as one:
        tlsing.ask(one.port, tlsing.context(authority))

Certificates are made in this process, in some milliseconds (RSA: some tenths of a second). Keys have mode 0600, and files are replaced as a whole.
"""
import base64
import contextlib
import datetime
import hashlib
import http.client
import ipaddress
import os
import pathlib
import socket
import ssl
import struct
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import daemon as rig

NAME = "shop.example"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
USES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
PATIENCE_S = 30
LARGE = 10 * 1024 * 1024


# ---- certificates ----


def new_key(kind):
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certificate_pem(*certificates):
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def put(path, data, mode=0o644):
    """A file with this content, new or in place of another, never half."""
    path = pathlib.Path(path)
    descriptor, coming = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
    os.replace(coming, path)
    return path


class Pair:
    """A certificate with its chain in one file, its key in another."""

    def __init__(self, folder, name):
        self.certificate, self.key = pathlib.Path(folder, f"{name}.pem"), pathlib.Path(folder, f"{name}.key")
        self.leaf = None  # as cryptography has it

    def named(self):
        """As teal.yaml names it."""
        return {"certificate": str(self.certificate), "key": str(self.key)}

    def der(self):
        return self.leaf.public_bytes(serialization.Encoding.DER)

    def spki(self):
        """SHA-256 of its public key, in Base64: what browsers pin."""
        public = self.leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(public).digest()).decode()


class Authority:
    """One that signs. `file` is its certificate, for those who are to believe it; one with an issuer is an intermediate, which is put behind each certificate that it issues."""

    def __init__(self, folder, name="authority", issuer=None):
        self.folder, self.name, self.issuer = pathlib.Path(folder), name, issuer
        self.key = new_key("ecdsa")
        self.certificate = self._sign(self.key, x509.BasicConstraints(ca=True, path_length=None), name, [], None, (-1, 3650), issuer or self)
        self.file = put(self.folder / f"{name}.pem", certificate_pem(self.certificate))

    def _sign(self, key, constraints, subject, names, use, days, issuer):
        now = datetime.datetime.utcnow().replace(microsecond=0)
        issued_by = self._subject(subject) if issuer is self and constraints.ca else issuer.certificate.subject
        first, last = (now + datetime.timedelta(days=count) for count in days)
        made = x509.CertificateBuilder(issued_by, self._subject(subject), key.public_key(), x509.random_serial_number(), first, last)
        made = made.add_extension(constraints, critical=True).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        signs = constraints.ca
        made = made.add_extension(x509.KeyUsage(not signs, False, False, False, False, signs, signs, False, False), critical=True)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName([self._general(name) for name in names]), critical=False)
        if use:
            made = made.add_extension(x509.ExtendedKeyUsage([USES[use]]), critical=False)
        return made.sign(issuer.key, hashes.SHA256())

    @staticmethod
    def _subject(name):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    @staticmethod
    def _general(name):
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    def issue(self, file="site", names=(NAME,), kind="ecdsa", use="server", days=(-1, 90), key=None):
        """A new pair in the folder, or in place of the one that is there. `days`: its first and its last, from now on. `key`: an older one again."""
        pair = Pair(self.folder, file)
        key = key or new_key(kind)
        pair.leaf = self._sign(key, x509.BasicConstraints(ca=False, path_length=None), f"{file} of {self.name}", list(names), use, days, self)
        put(pair.key, key_pem(key), 0o600)
        put(pair.certificate, certificate_pem(pair.leaf, *([self.certificate] if self.issuer else [])))
        return pair


# ---- teal ----


def listener(*pairs, address="127.0.0.1:0", **tls):
    """One of teal.yaml's `listen` that shows these pairs; what else there is of `tls` by its keys."""
    return {"address": address, "tls": {"certificates": [pair.named() for pair in pairs], **tls}}


@contextlib.contextmanager
def running(services, **settings):
    """A daemon that has everything healthy, and is ended properly."""
    one = rig.Teal(services, **settings)
    try:
        one.start()
        yield one
        one.end()
    finally:
        one.clean()


def ports(one):
    """Of its listeners, as the file has them."""
    return [int(address.rsplit(":", 1)[1]) for address in one.status()["listens"]]


# ---- clients ----


def context(authority, version=None, pair=None, protocols=("http/1.1",)):
    """A client's side that believes this authority, speaks this version alone (None: as it comes), and shows this pair to whoever asks."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(authority.file)
    if version:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    if pair:
        made.load_cert_chain(pair.certificate, pair.key)
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


def connect(port, made, name=NAME, session=None, timeout=PATIENCE_S):
    """A connection over TLS, its handshake done. `session`: one to resume."""
    plain = socket.create_connection(("127.0.0.1", port), timeout)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made.wrap_socket(plain, server_hostname=name, session=session)
    except BaseException:
        plain.close()
        raise


class Connection(http.client.HTTPSConnection):
    """Of http.client, to a port of this machine and a name that nobody has to resolve."""

    def __init__(self, port, made, name=NAME, session=None, timeout=PATIENCE_S):
        super().__init__(name, port, timeout=timeout, context=made)
        self.made, self.resumes = made, session

    def connect(self):
        self.sock = connect(self.port, self.made, self.host, self.resumes, self.timeout)

    def ask(self, path="/", method="GET", body=None, headers=None):
        """(status, header fields, body)"""
        self.request(method, path, body, headers or {})
        answer = self.getresponse()
        return answer.status, {field.lower(): value for field, value in answer.getheaders()}, answer.read()


def ask(port, made, path="/", method="GET", body=None, headers=None, name=NAME, session=None):
    """One request on a connection of its own: (status, header fields, body)."""
    connection = Connection(port, made, name, session)
    try:
        return connection.ask(path, method, body, headers)
    finally:
        connection.close()


# ---- tunnels ----

UPGRADE = f"GET /chat HTTP/1.1\r\nHost: {NAME}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
ACCEPTED = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"


def _frame(payload):
    """A message of a client's (RFC 6455 section 5.2), masked with zeros."""
    return b"\x82\xff" + struct.pack("!QI", len(payload), 0) + payload


def _read_frame(stream):
    first, length = stream.read(2)
    assert first == 0x82
    if length >= 126:
        length = int.from_bytes(stream.read({126: 2, 127: 8}[length]), "big")
    return stream.read(length)


def talk_by_websocket(client, rounds):
    """With a backend that sends messages back: of these lengths, those of a round at a time; then the farewell, and the end."""
    with client.makefile("rb") as stream:
        client.sendall(UPGRADE.encode())
        head = list(iter(stream.readline, b"\r\n"))
        assert head[0].startswith(b"HTTP/1.1 101 ") and ACCEPTED in head, head
        for lengths in rounds:
            sent = [rig.pattern(length + 7)[length % 7:][:length] for length in lengths]
            client.sendall(b"".join(map(_frame, sent)))
            assert [_read_frame(stream) for _ in sent] == sent
        client.sendall(b"\x88\x80\0\0\0\0")
        assert stream.read() == b"\x88\0"
