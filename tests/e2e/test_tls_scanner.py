"""What a scanner finds: sslscan of Debian against a listener as it comes. The table in docs/tls.md is of the same."""
import subprocess
import xml.etree.ElementTree

import pytest

import daemon as rig
import tlsing
import tlspeers

CIPHERS = {
    "TLSv1.2": {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
                "ECDHE-RSA-CHACHA20-POLY1305"},
    "TLSv1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
}
GROUPS = {"x25519", "secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)"}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The scanner's document."""
    folder = tmp_path_factory.mktemp("scanner")
    authority, backend = tlsing.Authority(folder), tlspeers.Python()
    services = {"shop": {"blue": {"version": "1", "backends": [backend.address]}, "green": {}, "probe": {"path": "/health"}}}
    pairs = [authority.issue(kind, [tlsing.NAME], kind) for kind in ("rsa", "ecdsa")]
    with tlsing.running(services, listen=[tlsing.listener(*pairs)]) as one:
        words = ["sslscan", "--no-colour", f"--sni-name={tlsing.NAME}", "--show-sigs", f"--xml={folder}/found.xml", f"127.0.0.1:{one.port}"]
        subprocess.run(words, env=rig.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=True)
    backend.stop()
    return xml.etree.ElementTree.parse(folder / "found.xml").getroot().find("ssltest")


def test_versions(found):
    seen = {(one.get("type"), one.get("version")): one.get("enabled") for one in found.findall("protocol")}
    assert seen == {("ssl", "2"): "0", ("ssl", "3"): "0", ("tls", "1.0"): "0", ("tls", "1.1"): "0", ("tls", "1.2"): "1", ("tls", "1.3"): "1"}


def test_ciphers(found):
    """Exactly those of the profile."""
    for version, ciphers in CIPHERS.items():
        assert {one.get("cipher") for one in found.findall("cipher") if one.get("sslversion") == version} == ciphers
    assert {one.get("sslversion") for one in found.findall("cipher")} == set(CIPHERS)


def test_groups(found):
    assert {one.get("name") for one in found.findall("group") if one.get("sslversion") == "TLSv1.3"} == GROUPS
    assert {one.get("name") for one in found.findall("group")} == GROUPS


def test_what_there_must_not_be(found):
    assert found.find("renegotiation").get("supported") == "0"
    assert {one.get("vulnerable") for one in found.findall("heartbleed")} == {"0"}
    assert {one.get("supported") for one in found.findall("compression")} <= {"0"}  # the scanner says it where its own library could
