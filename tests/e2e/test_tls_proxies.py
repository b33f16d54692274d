"""Proxies in front of teal that pass TLS on, with the PROXY protocol in front of it, or speak it to teal themselves: HAProxy and nginx, certificates verified."""
import contextlib
import http.client
import json

import pytest

import daemon as rig
import proxying
import tlsing
import tlspeers

HAPROXY = proxying.HAPROXY + """
frontend front
    mode http
    bind 127.0.0.1:{port}
    default_backend teal
backend teal
    mode http
    option httpchk GET /checked
    http-reuse always
    server teal 127.0.0.1:TEAL ssl verify required ca-file {folder}/ca.pem sni str(NAME) verifyhost NAME alpn http/1.1 force-tlsvVERSION check check-sni NAME inter 100ms
"""
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream teal { server 127.0.0.1:TEAL; keepalive 4; }
    server {
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {
            proxy_pass https://teal;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_ssl_server_name on;
            proxy_ssl_name NAME;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {folder}/ca.pem;
            proxy_ssl_protocols TLSvVERSION;
        }
    }
}
"""


def haproxy(text, files):
    return tlspeers.Process("haproxy", ["/usr/sbin/haproxy", "-db", "-f", "{folder}/conf"], text.replace("force-tlsv1.", "force-tlsv1"), files)


def nginx(text, files):
    return tlspeers.Process("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-p", "{folder}", "-c", "{folder}/conf"], text, files)


@contextlib.contextmanager
def stopping(one):
    try:
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tlsing.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def front(authority):
    """One listener for those who speak TLS, one for those who say first whose connection it is."""
    with stopping(tlspeers.Python()) as backend:
        services = {"shop": {"blue": {"version": "1", "backends": [backend.address]}, "green": {}, "probe": {"path": "/health"}}}
        pair = authority.issue()
        with tlsing.running(services, listen=[tlsing.listener(pair), {**tlsing.listener(pair), "proxy_protocol": "on"}]) as one:
            one.plain, one.announced = tlsing.ports(one)
            yield one


@pytest.mark.parametrize("options", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options ssl,crc32c,authority"])
def test_haproxy_passes_it_on(front, authority, options):
    """The client's handshake is with teal, which knows the client's address all the same."""
    with stopping(proxying.haproxy_in_front(front.announced, options)) as peer:
        made = tlsing.context(authority)
        first = tlsing.Connection(peer.port, made)
        status, _, body = first.ask("/one")
        assert status == 200 and dict(json.loads(body)["fields"])["X-Forwarded-For"] == "127.0.0.1"
        assert first.ask("/", "POST", tlspeers.LARGE_PATTERN)[2].decode() == tlspeers.LARGE_DIGEST
        second = tlsing.Connection(peer.port, made, session=first.sock.session)
        assert second.ask("/two")[0] == 200 and second.sock.session_reused
        first.close()
        second.close()


@pytest.mark.parametrize("version", tlsing.VERSIONS)
@pytest.mark.parametrize("kind,text", [(haproxy, HAPROXY), (nginx, NGINX)], ids=["haproxy", "nginx"])
def test_proxies_speak_it(front, authority, kind, text, version):
    """Bodies both ways, over connections that are kept; HAProxy's checks, too."""
    before = front.status()["tls"]["clients"]
    text = text.replace("TEAL", str(front.plain)).replace("NAME", tlsing.NAME).replace("VERSION", version)
    with stopping(kind(text, {"ca.pem": authority.file.read_bytes()})) as peer:
        client = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=tlsing.PATIENCE_S)

        def ask(path, method="GET", body=None):
            client.request(method, path, body)
            answer = client.getresponse()
            return answer.status, answer.read()

        rig.wait_until("an answer through both", lambda: ask("/")[0] == 200)
        assert ask("/file.bin") == (200, tlspeers.LARGE_PATTERN)
        assert ask("/", "POST", tlspeers.LARGE_PATTERN) == (200, tlspeers.LARGE_DIGEST.encode())
        if kind is haproxy:
            state = rig.wait_until("a good check", lambda: (lambda found: found["check_status"] == "L7OK" and found)(proxying.server_state(peer)))
            assert state["status"] == "UP"
        after = front.status()["tls"]["clients"]  # before the peer goes, which may cut a handshake of its checks
        client.close()
    assert after["failed"] == before["failed"] and after["full"] + after["resumed"] > before["full"] + before["resumed"]
