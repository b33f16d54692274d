"""teal check and teal serve on one file: what keeps the daemon from starting is a fault of check's, in the same words, and both end with 2."""
import json
import os
import pathlib
import subprocess

import daemon as rig
import pytest
import tlsing

TOKEN = "sixteen-characters-or-more"
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="looks at files of root's")


class Place:
    """A folder with a pair, a token and a file that names what it is told to."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "teal.yaml"
        authority = tlsing.Authority(folder, "internal")
        self.site, self.other = authority.issue("site", ["shop.example.com"]), authority.issue("other", ["other.example.com"])
        self.token = folder / "token"
        self.token.write_text(TOKEN + "\n")
        self.token.chmod(0o600)

    def write(self, listen=None, blue=None, **settings):
        conf = {"admin": {"socket": str(self.folder / "admin.sock")}, "state": str(self.folder / "state"), "listen": [listen or {"address": "127.0.0.1:0"}],
                "services": {"shop": {"blue": {"backends": ["127.0.0.1:1"], **(blue or {})}, "green": {}}}, **settings}
        self.file.write_text(json.dumps(conf))

    def with_token(self, path, mode=None):
        if mode:
            self.token.chmod(mode)
        self.write(admin={"socket": str(self.folder / "admin.sock"), "token_file": str(path)})

    def with_pair(self, certificate, key):
        self.write({"address": "127.0.0.1:0", "tls": {"certificates": [{"certificate": str(certificate), "key": str(key)}]}})

    def run(self, verb, *before):
        done = subprocess.run([*before, rig.BINARY, verb, "-c", str(self.file)], cwd="/", env=rig.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return rig.Result(done.returncode, done.stdout, done.stderr)

    def refuse(self, sentence):
        checked, served = self.run("check"), self.run("serve")
        assert checked.code == 2 and f"{self.file}: {sentence}" in checked.out, checked
        assert served.code == 2 and sentence in served.err and served.err.count("teal: ") == 1, served
        assert not os.path.exists(self.folder / "admin.sock")


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_token_that_is_missing_or_too_short(place):
    none = place.folder / "none"
    place.with_token(none)
    place.refuse(f"admin.token_file: {none} can't be read: No such file or directory")
    place.token.write_text("short\n")
    place.with_token(place.token)
    place.refuse(f"admin.token_file: the first line of {place.token} must be a token of 16 to 4096")


def test_pairs_and_authorities(place):
    site, other, none = place.site, place.other, place.folder / "none.pem"
    place.with_pair(site.certificate, other.key)
    place.refuse(f"the key in {other.key} is not the one of the certificate in {site.certificate}")
    place.write(blue={"tls": {"ca": str(none)}})
    place.refuse(f"the CA file {none} can't be opened: No such file or directory")
    pathlib.Path(site.key).chmod(0o644)
    place.with_pair(site.certificate, site.key)
    place.refuse(f"the key file {site.key} may be used by others than its owner (mode 0644): chmod 600 it")


def test_the_folder_of_the_access_log(place):
    path = place.folder / "none" / "access.log"
    place.write(access_log={"path": str(path)})
    place.refuse(f"access_log: the log file {path} can't be made: its folder: No such file or directory")
    path = place.token / "access.log"
    place.write(access_log={"path": str(path)})
    place.refuse(f"access_log: the log file {path} can't be made: its folder is none")
    for path in place.folder, f"{place.folder}/":
        place.write(access_log={"path": str(path)})
        place.refuse(f"access_log: the log file {path} can't be made: it is a folder")
    for good in {"path": str(place.folder / "access.log")}, {"path": "-"}, {"path": "access.log"}, {"path": str(path), "format": "off"}, "off":
        place.write(access_log=good)
        checked = place.run("check")
        assert checked.code == 0 and "warning" not in checked.out, checked


@as_root
def test_what_a_group_may_read(place):
    """Root can't know by the file alone whose the daemon is; the state directory says it."""
    key = pathlib.Path(place.site.key)
    key.chmod(0o640)
    place.with_pair(place.site.certificate, key)
    checked, served = place.run("check"), place.run("serve")
    assert checked.code == 0 and f"warning: {place.file}: {key} may be read by a group" in checked.out, checked
    assert served.code == 2 and f"{key} may be used by others than its owner (mode 0640): chmod 600 it" in served.err, served
    os.chown(place.folder / "state", NOBODY, NOBODY)
    assert "warning" not in place.run("check").out
    place.with_token(place.token, 0o640)
    assert "warning" not in place.run("check").out
    os.chown(place.folder / "state", 0, 0)
    checked = place.run("check")
    assert checked.code == 0 and f"warning: {place.file}: admin.token_file: {place.token} may be read by a group" in checked.out, checked


@as_root
def test_a_token_that_only_the_daemon_may_read(place):
    place.with_token(place.token)
    for folder in (place.folder, *place.folder.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    place.file.chmod(0o644)
    checked = place.run("check", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    assert checked.code == 0 and f"warning: {place.file}: admin.token_file: {place.token} is not open to this user" in checked.out, checked


def test_how_long_a_version_may_be(shop):
    """As long by a command as in the file."""
    address = shop.conf["services"]["shop"]["green"]["backends"][0]
    for words in (["deploy", "--backend", address], ["switch"]):
        refused = shop.run(*words, "--version", "v" * 129)
        assert refused.code == 2 and '"version" must be a text of at most 128 bytes' in refused.err, refused
    assert shop.newest() is None
    assert shop.run("deploy", "--backend", address, "--version", "2" * 128).code == 0
    assert shop.newest()["version"] == "2" * 128
