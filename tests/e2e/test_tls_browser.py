"""Chromium in front of teal: a page at http, which leads to https, with what pages have: files, large ones, forms, a WebSocket. It believes nobody but the test's authority."""
import contextlib
import hashlib
import http.server
import json
import os
import re
import signal
import subprocess
import threading

import pytest

import backends
import daemon as rig
import tlsing

PATTERN = rig.pattern(tlsing.LARGE)
DIGEST = hashlib.sha256(PATTERN).hexdigest()
PAGE = """<!doctype html>
<title>A page</title>
<link rel="stylesheet" href="/style.css">
<script src="/one.js"></script><script src="/two.js"></script>
<img id="image" src="/image.svg">
<script>
async function digest(bytes) {
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function talk() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}/chat`);
    socket.onopen = () => socket.send('hello');
    socket.onmessage = (event) => event.data.arrayBuffer ? event.data.text().then(resolve) : resolve(event.data);
    socket.onerror = () => reject(new Error('the WebSocket failed'));
  });
}

async function look() {
  const large = await (await fetch('/large')).arrayBuffer();
  const upload = await (await fetch('/upload', { method: 'POST', body: large })).text();
  await Promise.all(Array.from({ length: 20 }, (_, number) => fetch(`/small?${number}`)));
  const protocols = new Set(performance.getEntries().map((entry) => entry.nextHopProtocol).filter(Boolean));
  return { place: location.href, secure: isSecureContext, scripts: one + two, color: getComputedStyle(document.body).color, image: document.getElementById('image').naturalWidth,
    down: await digest(large), upload, protocols: Array.from(protocols), said: await talk() };
}

addEventListener('load', () => look().catch((error) => ({ error: String(error) })).then((seen) => fetch('/report', { method: 'POST', body: JSON.stringify(seen) })));
</script>
<p>Some text</p>
"""
FILES = {
    "/": ("text/html", PAGE.encode()),
    "/style.css": ("text/css", b"body { color: rgb(1, 2, 3); }\n"),
    "/one.js": ("text/javascript", b"const one = 'on';\n"),
    "/two.js": ("text/javascript", b"const two = 'ly';\n"),
    "/image.svg": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" width="17" height="5"/>\n'),
    "/large": ("application/octet-stream", PATTERN),
    "/health": ("text/plain", b"ok\n"),
}


class Site(http.server.ThreadingHTTPServer):
    """The page and what belongs to it; `report` is what the page found."""

    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, kind, body, status=200):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            kind, body = FILES.get(self.path.split("?")[0], ("text/plain", b"small\n"))
            self.answer(kind, body, 404 if self.path == "/favicon.ico" else 200)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer("text/plain", hashlib.sha256(body).hexdigest().encode())
            if self.path == "/report":
                self.server.report = json.loads(body)

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.address, self.report = f"127.0.0.1:{self.server_address[1]}", None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def front(teal, tmp_path):
    """The page's host: in clear, which leads to https; the WebSocket is another service's."""
    site, node = Site(), backends.node()
    authority = tlsing.Authority(tmp_path)
    services = {"shop": {"blue": {"version": "1", "backends": [site.address]}, "green": {}, "probe": {"path": "/health"}},
                "chat": {"paths": ["/chat"], "blue": {"version": "1", "backends": [node.address]}, "green": {}, "probe": {"path": "/health"}}}
    one = teal(services, listen=[{"address": "127.0.0.1:0"}, tlsing.listener(authority.issue(), hsts="365d")])
    one.clear, one.secure = tlsing.ports(one)
    one.conf["listen"][0]["redirect"] = {"to": "https", "port": one.secure}
    one.write_file()
    one.must("reload")
    one.site, one.authority = site, authority
    yield one
    site.shutdown()
    site.server_close()
    node.stop()


@contextlib.contextmanager
def chromium(home, url, authority=None):
    """A browser with a home of its own that opens this, and believes this authority. What it says is in `log` there."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, capture_output=True, timeout=60)
    if authority:
        subprocess.run([*certutil, "-A", "-n", "authority", "-t", "C,,", "-i", authority.file], check=True, capture_output=True, timeout=60)
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run", f"--user-data-dir={home}/profile",
             f"--host-resolver-rules=MAP {tlsing.NAME} 127.0.0.1"]
    with open(home / "log", "wb") as log:
        browser = subprocess.Popen([*words, *url], env=rig.environment(HOME=str(home)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield browser
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


@pytest.mark.long
@pytest.mark.parametrize("version", tlsing.VERSIONS)
def test_a_page(front, tmp_path, version):
    home, log = tmp_path / "home", tmp_path / "net.json"
    home.mkdir()
    with chromium(home, [f"--ssl-version-max=tls{version}", f"--log-net-log={log}", "--remote-debugging-port=0", f"http://{tlsing.NAME}:{front.clear}/"], front.authority) as browser:
        seen = rig.wait_until("the page's report", lambda: front.site.report, 120)
        browser.terminate()
        browser.wait(60)
    assert seen == {"place": f"https://{tlsing.NAME}:{front.secure}/", "secure": True, "scripts": "only", "color": "rgb(1, 2, 3)", "image": 17, "down": DIGEST, "upload": DIGEST,
                    "protocols": ["http/1.1"], "said": "hello"}
    assert set(re.findall(r'"version":"TLS ([^"]*)"', log.read_text())) == {version}


@pytest.mark.long
def test_nobody_is_believed_unseen(front, tmp_path):
    (tmp_path / "home").mkdir()
    with chromium(tmp_path / "home", ["--dump-dom", f"https://{tlsing.NAME}:{front.secure}/"]) as browser:
        browser.wait(120)
    assert "ERR_CERT_AUTHORITY_INVALID" in (tmp_path / "home" / "log").read_text() and front.site.report is None
