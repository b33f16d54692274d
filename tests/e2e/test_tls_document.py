"""docs/tls.md: its pieces of teal.yaml are such, and the authority that it makes with openssl is one that teal believes. certbot's commands are run by test_acme."""
import re
import subprocess

import pytest
import yaml

import daemon as rig
import tlsing
import tlspeers

TEXT = (rig.ROOT / "docs" / "tls.md").read_text()
PIECES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
BACKENDS = {"shop": {"blue": {"backends": ["127.0.0.1:1"]}, "green": {}}}


def section(heading):
    return re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)[1]


@pytest.mark.parametrize("piece", PIECES, ids=range(len(PIECES)))
def test_pieces(piece, tmp_path):
    """teal check takes each, once its files are there, and asks for nothing to be mended."""
    authority = tlsing.Authority(tmp_path, "internal")
    pair = authority.issue("pair", ["shop.example.com"])
    text = re.sub(r"/etc/\S+\.pem(?=, key)", str(pair.certificate), piece)
    text = re.sub(r"/etc/[^\s}]+\.(key|pem)(?=\})", str(pair.key), text).replace("internal.pem", str(authority.file)).replace("/var/lib/teal/acme", str(tmp_path))
    assert "/etc/" not in text, text
    (tmp_path / "teal.yaml").write_text(yaml.safe_dump({"listen": [{"address": "127.0.0.1:80"}], "services": BACKENDS, **yaml.safe_load(text)}))
    done = subprocess.run([rig.BINARY, "check", "-c", str(tmp_path / "teal.yaml")], cwd="/", env=rig.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "warning" not in done.stdout, (text, done)


def test_an_authority_of_ones_own(teal, tmp_path):
    """By the document's commands: a backend with what it issued is believed, by the name and by the address in it."""
    (commands,) = re.findall(r"^```sh\n(.*?)^```", section("TLS to the backends"), re.DOTALL | re.MULTILINE)
    done = subprocess.run(["/bin/sh", "-e", "-c", commands.replace("10.0.0.3", "127.0.0.1")], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    pair = tlsing.Pair(tmp_path, "green")
    with tlspeers.Python(pair) as peer:
        for named in {"name": "green.example.net"}, {}:
            tls = {"ca": str(tmp_path / "internal.pem"), **named}
            one = teal({"shop": {"blue": {"backends": [peer.address], "tls": tls}, "green": {}, "probe": {"path": "/health"}}})
            assert one.get()[0] == 200
