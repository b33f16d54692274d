"""TLS in front of teal, asked by openssl s_client: versions, names, kinds of certificates, protocols, sessions, certificates of clients, renegotiation."""
import base64
import re
import subprocess

import pytest

import daemon as rig
import tlsing
import tlspeers

REQUEST = f"GET / HTTP/1.1\r\nHost: {tlsing.NAME}\r\nConnection: close\r\n\r\n"
ANSWERED = "HTTP/1.1 200 OK"
OPENSSL = {"1.2": "-tls1_2", "1.3": "-tls1_3"}


class Asked:
    """What s_client said of one connection."""

    def __init__(self, done):
        self.text = done.stdout + done.stderr
        self.answered = ANSWERED in done.stdout
        self.state = self._find(r"^(New|Reused), ")
        self.version = self._find(r"^(?:New|Reused), (TLSv[\d.]+)")
        self.cipher = self._find(r"Cipher is (\S+)")
        self.signature = self._find(r"^Peer signature type: (\S+)")
        self.subject = self._find(r"^subject=(.*)")
        self.protocol = self._find(r"^ALPN protocol: (.*)")
        self.verified = "Verify return code: 0 (ok)" in done.stdout

    def _find(self, pattern):
        found = re.search(pattern, self.text, re.MULTILINE)
        return found and found[1]


def s_client(place, *options, name=tlsing.NAME, said=REQUEST):
    """Asks for `name` (None: for nobody), and sends what is `said`, if there is somebody to send it to. `place`: where to, or the port of 127.0.0.1."""
    named = ["-servername", name] if name else ["-noservername"]
    words = ["openssl", "s_client", "-connect", place if isinstance(place, str) else f"127.0.0.1:{place}", "-ign_eof", *named, *map(str, options)]
    return Asked(subprocess.run(words, input=said, env=rig.environment(), capture_output=True, text=True, timeout=60))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def backend():
    one = tlspeers.Python()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def pairs(authority):
    """The first is for those who ask for nobody that is here."""
    return {
        "first": authority.issue("first", ["first.example"], "rsa"),
        "rsa": authority.issue("rsa", [tlsing.NAME], "rsa"),
        "ecdsa": authority.issue("ecdsa", [tlsing.NAME]),
        "wildcard": authority.issue("wildcard", ["*.shop.example"]),
    }


def services(backend):
    return {"shop": {"blue": {"version": "1", "backends": [backend.address]}, "green": {}, "probe": {"path": "/health", "interval": "200ms"}}}


@pytest.fixture(scope="module")
def front(backend, pairs):
    """Three listeners with the same certificates: one as it comes, one with strict_sni, one for TLS 1.3 alone."""
    listens = [tlsing.listener(*pairs.values(), address=f"127.0.0.{number}:0", **more) for number, more in ((1, {}), (2, {"strict_sni": "on"}), (3, {"minimum": "1.3"}))]
    with tlsing.running(services(backend), listen=listens) as one:
        one.plain, one.strict, one.newest = one.status()["listens"]
        yield one


# ---- versions and ciphers ----


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_versions(front, authority, version):
    asked = s_client(front.plain, OPENSSL[version], "-CAfile", authority.file, "-verify_return_error")
    assert asked.answered and asked.verified and asked.version == f"TLSv{version}", asked.text
    assert "Compression: NONE" in asked.text
    assert f"Secure Renegotiation IS{'' if version == '1.2' else ' NOT'} supported" in asked.text


def test_older_versions_are_refused(front):
    for version in "-tls1", "-tls1_1":
        asked = s_client(front.plain, version, "-cipher", "ALL:@SECLEVEL=0")
        assert not asked.answered and "alert protocol version" in asked.text, asked.text
    asked = s_client(front.newest, "-tls1_2")
    assert not asked.answered and "alert protocol version" in asked.text, asked.text
    assert s_client(front.newest).version == "TLSv1.3"


CIPHERS = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
           "ECDHE-RSA-CHACHA20-POLY1305"]
SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


def test_ciphers(front):
    """Those that there are; the client's first choice counts."""
    for cipher in CIPHERS:
        assert s_client(front.plain, "-tls1_2", "-cipher", cipher).cipher == cipher
    for suite in SUITES:
        assert s_client(front.plain, "-tls1_3", "-ciphersuites", suite).cipher == suite
    for order in SUITES, SUITES[::-1]:
        assert s_client(front.plain, "-ciphersuites", ":".join(order)).cipher == order[0]


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "AES256-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256"])
def test_other_ciphers_are_refused(front, cipher):
    asked = s_client(front.plain, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert not asked.answered and "alert handshake failure" in asked.text, asked.text


def test_a_fallback_is_seen(front):
    """A client that was made to believe that TLS 1.3 does not work here (RFC 7507)."""
    asked = s_client(front.plain, "-tls1_2", "-fallback_scsv")
    assert not asked.answered and "inappropriate fallback" in asked.text, asked.text


def test_groups(front):
    for group, named in ("X25519", "X25519"), ("P-256", "P-256|prime256v1"), ("P-384", "P-384|secp384r1"):
        for version in OPENSSL.values():
            asked = s_client(front.plain, version, "-groups", group)
            assert asked.answered and re.search(f"Server Temp Key: (ECDH, )?({named})", asked.text), asked.text
    asked = s_client(front.plain, "-groups", "P-521")
    assert not asked.answered and "alert handshake failure" in asked.text, asked.text


# ---- certificates ----


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_rsa_and_ecdsa_side_by_side(front, authority, version):
    """Who knows only one kind of signatures gets the certificate of that kind."""
    believed = ("-CAfile", authority.file, "-verify_return_error")
    for algorithms, kind, signature in ("RSA-PSS+SHA256:RSA+SHA256", "rsa", "RSA-PSS"), ("ECDSA+SHA256", "ecdsa", "ECDSA"):
        asked = s_client(front.plain, OPENSSL[version], "-sigalgs", algorithms, *believed)
        # The authority's own signature is ECDSA; who verifies does not mind.
        assert asked.answered and asked.signature == signature and asked.subject.endswith(f"{kind} of authority"), asked.text
    both = s_client(front.plain, OPENSSL[version], *believed)
    assert both.signature == "ECDSA", both.text
    if version == "1.2":  # where the cipher says it, too
        assert s_client(front.plain, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256").signature == "RSA-PSS"


NAMES = [  # asked for; whose certificate it gets; whether a strict listener has it
    (tlsing.NAME, "ecdsa", True), ("SHOP.Example", "ecdsa", True), ("www.shop.example", "wildcard", True), ("first.example", "first", True), ("a.b.shop.example", "first", False),
    ("other.example", "first", False), (None, "first", False),
]


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_names(front, version):
    for name, owner, known in NAMES:
        asked = s_client(front.plain, OPENSSL[version], name=name)
        assert asked.answered and asked.subject.endswith(f"{owner} of authority"), (name, asked.text)
        strict = s_client(front.strict, OPENSSL[version], name=name)
        assert strict.answered == known, (name, strict.text)
        assert known or "unrecognized name" in strict.text, (name, strict.text)


def test_chains(backend, teal, tmp_path):
    """A certificate of an intermediate is sent with it, so that who knows the root alone believes it."""
    root = tlsing.Authority(tmp_path, "root")
    between = tlsing.Authority(tmp_path, "between", root)
    one = teal(services(backend), listen=[tlsing.listener(between.issue())])
    asked = s_client(one.port, "-CAfile", root.file, "-verify_return_error", "-showcerts", "-verify_hostname", tlsing.NAME)
    assert asked.answered and asked.verified and asked.text.count("-----BEGIN CERTIFICATE-----") == 2, asked.text


# ---- protocols ----


def test_protocols(front):
    for offered, chosen in ("http/1.1", "http/1.1"), ("h2,http/1.1", "http/1.1"), ("http/1.0,http/1.1", "http/1.1"):
        asked = s_client(front.plain, "-alpn", offered)
        assert asked.answered and asked.protocol == chosen, (offered, asked.text)
    assert s_client(front.plain).answered
    for offered in "h2", "imap,h2":
        asked = s_client(front.plain, "-alpn", offered)
        assert not asked.answered and "alert no application protocol" in asked.text, (offered, asked.text)


# ---- sessions ----


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_sessions(front, tmp_path, version):
    """A ticket is good for the same name at the same listener, whichever worker made it."""
    session = tmp_path / "session"
    assert s_client(front.plain, OPENSSL[version], "-sess_out", session).state == "New"
    for _ in range(8):
        asked = s_client(front.plain, OPENSSL[version], "-sess_in", session)
        assert asked.answered and asked.state == "Reused", asked.text
    for port, name in (front.strict, tlsing.NAME), (front.plain, "first.example"), (front.plain, None):
        asked = s_client(port, OPENSSL[version], "-sess_in", session, name=name)
        assert asked.answered and asked.state == "New", (port, name, asked.text)


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_sessions_outlive_reloads(backend, teal, authority, tmp_path, version):
    """One that was made with the certificate from before is resumed; a new connection gets the new certificate."""
    session = tmp_path / "session"
    pair = authority.issue("renewed", kind="rsa")
    one = teal(services(backend), listen=[tlsing.listener(pair)])
    assert s_client(one.port, OPENSSL[version], "-sess_out", session).signature == "RSA-PSS"
    authority.issue("renewed")
    one.must("reload")
    asked = s_client(one.port, OPENSSL[version], "-sess_in", session)
    assert asked.answered and asked.state == "Reused", asked.text
    assert s_client(one.port, OPENSSL[version]).signature == "ECDSA"


def test_restarts_end_sessions(backend, teal, authority, tmp_path):
    session = tmp_path / "session"
    one = teal(services(backend), listen=[tlsing.listener(authority.issue())])
    s_client(one.port, "-sess_out", session)
    assert s_client(one.port, "-sess_in", session).state == "Reused"
    one.end()
    one.start()
    asked = s_client(one.port, "-sess_in", session)
    assert asked.answered and asked.state == "New", asked.text


# ---- certificates of clients ----


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Who signs for clients, and what clients have: one that is good, and three that are not."""
    signers = tlsing.Authority(tmp_path_factory.mktemp("signers"), "signers")
    strangers = tlsing.Authority(tmp_path_factory.mktemp("strangers"), "strangers")
    signers.good = signers.issue("good", [], use="client")
    signers.bad = {"alert unknown ca": strangers.issue("strange", [], use="client"), "alert certificate expired": signers.issue("old", [], use="client", days=(-9, -1)),
                   "alert unsupported certificate": signers.issue("server", ["a.example"], use="server")}
    return signers


@pytest.fixture(scope="module")
def doors(backend, pairs, known):
    """Three listeners: nobody is asked, some may, all must; the last two pass on who it is."""
    asking = {"client_ca": str(known.file), "forward_client_certificate": "on"}
    listens = [tlsing.listener(pairs["ecdsa"], **more) for more in ({}, {"client_certificates": "optional", **asking}, {"client_certificates": "required", **asking})]
    with tlsing.running(services(backend), listen=listens) as one:
        one.unasked, one.optional, one.required = tlsing.ports(one)
        yield one


def shows(pair):
    return ["-cert", pair.certificate, "-key", pair.key]


def passed_on(asked):
    """What the backend got as Client-Cert, in any case of its letters."""
    return [value for name, value in re.findall(r'\["([^"]+)", "([^"]*)"\]', asked.text) if name.lower().startswith("client-cert")]


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_certificates_of_clients(doors, known, version):
    """The good one is passed on, and nothing that a client says of itself."""
    lies = REQUEST.replace("\r\n\r\n", "\r\nClient-Cert: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\n\r\n")
    expected = f":{base64.b64encode(known.good.der()).decode()}:"
    for port, pair, value in (doors.unasked, None, []), (doors.unasked, known.good, []), (doors.optional, None, []), (doors.optional, known.good, [expected]), (doors.required, known.good, [expected]):
        asked = s_client(port, OPENSSL[version], *(shows(pair) if pair else []), said=lies)
        assert asked.answered and passed_on(asked) == value, asked.text


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_clients_that_are_refused(doors, known, version):
    asked = s_client(doors.required, OPENSSL[version])
    assert not asked.answered and f"alert {'handshake failure' if version == '1.2' else 'certificate required'}" in asked.text, asked.text
    for port in doors.optional, doors.required:
        for alert, pair in known.bad.items():
            asked = s_client(port, OPENSSL[version], *shows(pair))
            assert not asked.answered and alert in asked.text, (alert, asked.text)


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_sessions_know_who_it_was(doors, known, tmp_path, version):
    """A resumed session has the client's certificate; one made without it, or at a listener that asks nobody, opens no door that wants one."""
    session = tmp_path / "session"
    s_client(doors.required, OPENSSL[version], *shows(known.good), "-sess_out", session)
    asked = s_client(doors.required, OPENSSL[version], "-sess_in", session)
    assert asked.answered and asked.state == "Reused" and passed_on(asked) == [f":{base64.b64encode(known.good.der()).decode()}:"], asked.text
    for port in doors.unasked, doors.optional:
        s_client(port, OPENSSL[version], "-sess_out", session)
        assert not s_client(doors.required, OPENSSL[version], "-sess_in", session).answered


# ---- what is not done ----


class Talk:
    """s_client with its commands, which are letters at the beginning of what it is told."""

    def __init__(self, place, *options):
        words = ["openssl", "s_client", "-connect", place, *options]
        self.process = subprocess.Popen(words, env=rig.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def say(self, text, awaited):
        """Whether a line with this comes then."""
        self.process.stdin.write(text)
        self.process.stdin.flush()
        return any(awaited in line for line in self.process.stdout)


def test_no_renegotiation(front):
    """A client that wants to begin anew is told no."""
    with Talk(front.plain, "-tls1_2") as client:
        assert client.say("R\n", "RENEGOTIATING")
        assert client.say("", "no renegotiation")


@pytest.mark.parametrize("letter", "kK")
def test_new_keys(front, letter):
    """TLS 1.3's way to new keys, which is no renegotiation: the client's alone, and both sides'."""
    with Talk(front.plain, "-tls1_3") as client:
        assert client.say(f"{letter}\n", "KEYUPDATE")
        assert client.say(REQUEST, ANSWERED)
        assert "alert" not in client.process.stdout.read()


def test_plain_http(front):
    """It is not answered, and the next client is."""
    asked = subprocess.run(["curl", "-sS", f"http://{front.plain}/"], env=rig.environment(), capture_output=True, text=True, timeout=60)
    assert asked.returncode in (52, 56, 1), asked  # nothing came, a reset, or an alert of TLS, which is not HTTP/0.9
    assert s_client(front.plain).answered
