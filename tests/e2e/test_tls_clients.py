"""TLS in front of teal with the clients that people have: curl, Node and Python's http.client, each with TLS 1.2 and 1.3; large bodies whole, tunnels, and names that a certificate has not."""
import hashlib
import json
import pathlib
import re
import ssl
import subprocess

import pytest

import backends
import daemon as rig
import tlsing

PATTERN = rig.pattern(tlsing.LARGE)
DIGEST = hashlib.sha256(PATTERN).hexdigest()
LARGE = f"/bytes?n={tlsing.LARGE}"
CURL = {"1.2": ["--tlsv1.2", "--tls-max", "1.2"], "1.3": ["--tlsv1.3"]}
SCRIPT = pathlib.Path(__file__).with_name("tls_client.js")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def front(authority):
    with backends.node() as backend:
        services = {"shop": {"blue": {"version": "1", "backends": [backend.address]}, "green": {}, "probe": {"path": "/health"}}}
        with tlsing.running(services, listen=[tlsing.listener(authority.issue())]) as one:
            yield one


def run(*words, **more):
    return subprocess.run([str(word) for word in words], env=rig.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=120, **more)


# ---- curl ----


def curl(front, authority, *words, name=tlsing.NAME):
    """curl with the name's address, and https://NAME:PORT in place of each @."""
    url = f"https://{name}:{front.port}"
    words = [word.replace("@", url) if isinstance(word, str) else word for word in words]
    return run("curl", "-sS", "--cacert", authority.file, "--resolve", f"{name}:{front.port}:127.0.0.1", *words)


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_curl(front, authority, version):
    """It offers HTTP/2 and is content with HTTP/1.1; two requests are one connection."""
    done = curl(front, authority, *CURL[version], "-v", "-w", "%{http_code} %{http_version} %{num_connects} %{ssl_verify_result}\n", "@/", "@/health")
    said = done.stderr.decode()
    assert done.returncode == 0 and done.stdout == b"blue 1\n200 1.1 1 0\nok\n200 1.1 0 0\n", done
    assert f"SSL connection using TLSv{version} / " in said and re.search(r"ALPN.*server accepted.*http/1\.1", said) and re.search(r"ALPN.*offer.*h2", said), said


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_curl_large(front, authority, version, tmp_path):
    """Down; up with its length, and in chunks."""
    down, up = tmp_path / "down", tmp_path / "up"
    up.write_bytes(PATTERN)
    assert curl(front, authority, *CURL[version], "-o", down, f"@{LARGE}").returncode == 0
    assert hashlib.sha256(down.read_bytes()).hexdigest() == DIGEST
    for more in [], ["-H", "Transfer-Encoding: chunked"]:
        done = curl(front, authority, *CURL[version], "-T", up, *more, "@/upload")
        assert (done.returncode, done.stdout.decode()) == (0, DIGEST), done


def test_curl_believes_not_everybody(front, authority, stranger):
    assert curl(front, stranger, "@/").returncode == 60
    done = curl(front, authority, "@/", name="other.example")
    assert done.returncode == 60 and b"no alternative certificate subject name matches" in done.stderr, done


# ---- Python ----


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_python(front, authority, version):
    """A connection that is kept, large bodies both ways, and a second connection that resumes the session of the first."""
    made = tlsing.context(authority, version, protocols=("h2", "http/1.1"))
    first = tlsing.Connection(front.port, made)
    assert first.ask()[::2] == (200, b"blue 1\n")
    agreed = first.sock
    assert (agreed.version(), agreed.selected_alpn_protocol(), agreed.session_reused) == (f"TLSv{version}", "http/1.1", False)
    assert hashlib.sha256(first.ask(LARGE)[2]).hexdigest() == DIGEST
    assert first.ask("/upload", "POST", PATTERN)[::2] == (200, DIGEST.encode())
    chunks = (PATTERN[at:at + 65536] for at in range(0, len(PATTERN), 65536))
    assert first.ask("/upload", "POST", chunks)[::2] == (200, DIGEST.encode())
    assert first.sock is agreed  # one connection for all of it
    second = tlsing.Connection(front.port, made, session=agreed.session)
    assert second.ask()[0] == 200 and second.sock.session_reused
    first.close()
    second.close()


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_python_again_and_again(front, authority, version):
    """Each connection resumes the session that the one before it was given, as a client must that uses a ticket of TLS 1.3 only once."""
    made = tlsing.context(authority, version)
    session, given = None, set()
    for number in range(6):
        connection = tlsing.Connection(front.port, made, session=session)
        assert connection.ask()[0] == 200 and connection.sock.session_reused == (number > 0)
        session = connection.sock.session
        given.add(session.id if version == "1.3" else number)
        connection.close()
    assert len(given) == 6


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_python_many_at_once(front, authority, version):
    """Bodies of all lengths around that of a record, on connections that take turns."""
    made = tlsing.context(authority, version)
    many = [tlsing.Connection(front.port, made) for _ in range(8)]
    for length in 0, 1, 16383, 16384, 16385, 32768, 65537, 300001:
        body = PATTERN[:length]
        for method, path, sent, expected in ("POST", "/upload", body, hashlib.sha256(body).hexdigest().encode()), ("GET", f"/bytes?n={length}", None, body):
            for connection in many:
                connection.request(method, path, sent)
            for connection in many:
                answer = connection.getresponse()
                assert (answer.status, answer.read() == expected) == (200, True), (method, length)
    for connection in many:
        connection.close()


def test_python_believes_not_everybody(front, authority, stranger):
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate|self.signed"):
        tlsing.ask(front.port, tlsing.context(stranger))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        tlsing.ask(front.port, tlsing.context(authority), name="other.example")


def test_the_end_is_said(front, authority):
    """A close_notify comes before the end, so that a client can tell it from a cut; and one of the client's is answered by one."""
    for field in "Connection: close\r\n", "":
        with tlsing.connect(front.port, tlsing.context(authority)) as client:
            client.suppress_ragged_eofs = False  # an end without close_notify is an error then
            client.sendall(f"GET / HTTP/1.1\r\nHost: shop\r\n{field}\r\n".encode())
            got = b""
            while not got.endswith(b"blue 1\n"):
                got += client.recv(65536)
            if field:
                assert client.recv(1) == b""
            else:
                client.unwrap()  # returns when the other side's has come


# ---- Node ----


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_node(front, authority, version):
    done = run("node", SCRIPT, front.port, tlsing.NAME, f"TLSv{version}", authority.file)
    assert json.loads(done.stdout) == {"statuses": [200] * 4, "protocol": f"TLSv{version}", "alpn": "http/1.1", "authorized": True, "connections": 1, "down": DIGEST, "up": DIGEST, "resumed": True}, done


def test_node_believes_not_everybody(front, authority, stranger):
    for words, code in ((tlsing.NAME, "TLSv1.3", stranger.file), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"), (("other.example", "TLSv1.3", authority.file), "ERR_TLS_CERT_ALTNAME_INVALID"):
        assert json.loads(run("node", SCRIPT, front.port, *words).stdout) == {"error": code}


# ---- tunnels ----


@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_websockets(front, authority, version):
    """Messages of all sizes come back whole, several under way at a time."""
    with tlsing.connect(front.port, tlsing.context(authority, version)) as client:
        tlsing.talk_by_websocket(client, [[5], [1, 126, 65536], [16384] * 8, [1024 * 1024]])
