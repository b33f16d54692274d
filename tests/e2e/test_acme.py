"""certbot beside teal, as docs/tls.md says it, against pebble: a certificate is issued, used, and renewed under load, and teal takes the new one by itself."""
import http.client
import os
import re
import shlex
import socketserver
import ssl
import subprocess
import threading
import time

import dns.flags
import dns.message
import dns.rrset
import pytest

import backends
import daemon as rig
import tlsing
import tlspeers

DOCUMENT = rig.ROOT / "docs" / "tls.md"
ISSUES, RENEWS = "certbot certonly ", "certbot renew"
HOST, FOLDER, WEBROOT = "shop.example.com", "/etc/letsencrypt", "/var/lib/teal/acme"  # as the document has them


class Names(socketserver.ThreadingUDPServer):
    """A name server for whom every name is this machine."""

    daemon_threads = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            data, back = self.request
            answer = dns.message.make_response(dns.message.from_wire(data))
            answer.flags |= dns.flags.AA | dns.flags.RA
            question = answer.question[0]
            if question.rdtype == dns.rdatatype.A:
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "127.0.0.1"))
            back.sendto(answer.to_wire(), self.client_address)

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


PEBBLE = """{"pebble": {"listenAddress": "127.0.0.1:{port}", "managementListenAddress": "", "certificate": "{folder}/site.pem", "privateKey": "{folder}/site.key",
 "httpPort": HTTP, "tlsPort": HTTP, "ocspResponderURL": "", "externalAccountBindingRequired": false}}
"""


def pebble(authority, names, http_port):
    """An authority of ACME that asks for challenges at this port."""
    pair = authority.issue("pebble", ["localhost", "127.0.0.1"])
    files = {"site.pem": pair.certificate.read_bytes(), "site.key": pair.key.read_bytes()}
    command = ["/usr/bin/env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "pebble", "-config", "{folder}/conf", "-dnsserver", names.address]
    return tlspeers.Process("pebble", command, PEBBLE.replace("HTTP", str(http_port)), files)


class Certbot:
    """Debian's certbot with the document's command lines, in a folder of its own."""

    def __init__(self, folder, webroot, authority, server):
        self.folder, self.webroot = folder, webroot
        self.live = folder / "live" / HOST
        self.more = ["--config-dir", folder, "--work-dir", folder / "work", "--logs-dir", folder / "logs", "--server", server, "--non-interactive"]
        self.environment = rig.environment(REQUESTS_CA_BUNDLE=str(authority.file))

    def run(self, begins, *more):
        """The document's line that begins so."""
        line = re.search(rf"^{re.escape(begins)}.*$", DOCUMENT.read_text(), re.MULTILINE)[0].split("  #")[0]
        words = [word.replace(FOLDER, str(self.folder)).replace(WEBROOT, str(self.webroot)) for word in shlex.split(line)]
        done = subprocess.run([str(word) for word in [*words, *self.more, *more]], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def issue(self):
        self.run(ISSUES, "--agree-tos", "--register-unsafely-without-email")

    def renew(self):
        self.run(RENEWS, "--force-renewal", "--no-random-sleep-on-renew")

    def share_key(self):
        """A group's right to read the key is the next one's, too. The test's daemon, whose own the key is, takes only one that nobody else can read."""
        os.chmod(self.live / "privkey.pem", 0o640)
        os.chown(self.live / "privkey.pem", -1, os.getgroups()[-1] if os.geteuid() else 1)
        before = os.stat(self.live / "privkey.pem")
        self.renew()
        after = os.stat(self.live / "privkey.pem")
        assert (after.st_mode, after.st_gid) == (before.st_mode, before.st_gid) and after.st_ino != before.st_ino
        os.chmod(self.live / "privkey.pem", 0o600)

    def pair(self):
        """As the document has teal.yaml name it."""
        return {"certificate": str(self.live / "fullchain.pem"), "key": str(self.live / "privkey.pem")}


def believing(certbot):
    """A client that believes the authority that signed the newest certificate."""
    made = ssl.create_default_context(cafile=certbot.live / "chain.pem")
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made


def serial(port, made):
    with tlsing.connect(port, made, HOST) as client:
        return client.getpeercert()["serialNumber"]


def serial_of(certbot):
    words = ["openssl", "x509", "-in", str(certbot.live / "cert.pem"), "-noout", "-serial"]
    return subprocess.run(words, env=rig.environment(), capture_output=True, text=True, check=True).stdout.strip().removeprefix("serial=")


class Visitors:
    """New connections one after another, and one that stays; `faults` are what went wrong."""

    def __init__(self, port, made):
        self.port, self.made, self.over, self.count, self.faults = port, made, threading.Event(), 0, []
        self.kept = tlsing.Connection(port, made, HOST)
        self.kept.ask()
        self.first = self.kept.sock
        self.thread = threading.Thread(target=self._come)
        self.thread.start()

    def _come(self):
        while not self.over.is_set():
            try:
                assert tlsing.ask(self.port, self.made, name=HOST)[0] == 200 and self.kept.ask()[0] == 200
                self.count += 1
            except (OSError, AssertionError, http.client.HTTPException) as error:
                self.faults.append(repr(error))
            time.sleep(0.005)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.kept.close()


@pytest.mark.long
def test_certbot(teal, tmp_path):
    webroot = tmp_path / "acme"
    webroot.mkdir()
    authority, backend = tlsing.Authority(tmp_path), tlspeers.Python()
    services = {"shop": {"hosts": [HOST], "blue": {"version": "1", "backends": [backend.address]}, "green": {}, "probe": {"path": "/health"}}}
    one = teal(services, acme={"webroot": str(webroot)})
    with Names() as names, pebble(authority, names, one.port) as server:
        certbot = Certbot(tmp_path / "letsencrypt", webroot, authority, f"https://{server.address}/dir")
        certbot.issue()
        certbot.share_key()
        one.end()
        secure = backends.free_port("127.0.0.1")
        one.conf["listen"] = [{"address": f"127.0.0.1:{one.port}", "redirect": {"to": "https", "port": secure}}, {"address": f"127.0.0.1:{secure}", "tls": {"certificates": [certbot.pair()]}}]
        one.start()
        before = serial(secure, believing(certbot))
        with Visitors(secure, believing(certbot)) as visitors:
            certbot.renew()
            rig.wait_until("the new certificate", lambda: serial(secure, believing(certbot)) == serial_of(certbot) != before, 60)
            seen = visitors.count
            rig.wait_until("more visitors", lambda: visitors.count > seen + 20, 60)
            assert visitors.faults == [] and visitors.kept.sock is visitors.first
        assert not list(webroot.rglob("*-*"))  # certbot has cleared away its challenges
    backend.stop()
