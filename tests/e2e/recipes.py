"""What the tests of docs/recipes share: the snippets of its README as they are, scripts run as hooks run them, stand-ins for programs, clients that buy."""
import http.client
import json
import os
import re
import subprocess
import sys
import threading

import yaml

import daemon as rig

FOLDER = rig.ROOT / "docs" / "recipes"
INSTALLED = "/usr/local/lib/teal"


def snippet(heading, replaced):
    """The first YAML of a section of the README, with other paths and connections: {text of the README: what stands for it}. Each of them must be there."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", (FOLDER / "README.md").read_text(), re.DOTALL | re.MULTILINE)[1]
    text = re.search(r"^```yaml\n(.*?)^```", section, re.DOTALL | re.MULTILINE)[1]
    for old, new in replaced.items():
        if old not in text:
            raise rig.Fault(f"{heading}: there is no {old} in the snippet")
        text = text.replace(old, new)
    return yaml.safe_load(text)


def run(*words, timeout=120, folder="/", **more):
    """Runs a script as a hook is run: a small environment, / as its folder, no input."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}
    done = subprocess.run([str(word) for word in words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    return rig.Result(done.returncode, done.stdout, done.stderr)


def fill(text, values):
    """GitHub's ${{ NAME }}; a name that is not known is a fault of the test."""
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values[found[1]], text)


def run_workflow(path, values, folder="/", **environment):
    """The steps of a GitHub workflow with one job, one after another, as a runner runs them; what is done by actions is left out. (exit code of the first that failed, all output)."""
    (job,) = yaml.safe_load(path.read_text())["jobs"].values()
    environment = {**{key: fill(value, values) for key, value in job["env"].items()}, **environment}
    code, said = 0, ""
    for step in job["steps"]:
        assert set(step) <= {"uses", "with", "name", "run", "if"}
        if "run" in step and (code == 0 or step.get("if") == "always()"):
            result = run("/bin/bash", "-e", "-o", "pipefail", "-c", step["run"].replace(INSTALLED, str(FOLDER)), folder=folder, **environment)
            code, said = code or result.code, said + result.out + result.err
    return code, said


class Stands:
    """Programs that stand for others, in a folder to be put in front of PATH. Each notes its arguments, and does what its Python says: `words`, `note(NAME, TEXT=None)`."""

    def __init__(self, folder):
        self.folder, self.path = folder, f"{folder}:{os.environ['PATH']}"
        folder.mkdir()

    def add(self, name, script=""):
        program = self.folder / name
        program.write_text(f"""#!{sys.executable}
import json, os, pathlib, sys
folder, words = pathlib.Path({str(self.folder)!r}), sys.argv[1:]

def note(name, text=None):
    path = folder / (name + ".note")
    if text is not None:
        path.write_text(text)
    return path.read_text() if path.exists() else ""

with open(folder / "{name}.calls", "a") as calls:
    calls.write(json.dumps(words) + "\\n")
{script}
""")
        program.chmod(0o755)

    def link(self, name, target):
        (self.folder / name).symlink_to(target)

    def calls(self, name):
        path = self.folder / f"{name}.calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def note(self, name, text):
        (self.folder / f"{name}.note").write_text(text)


class Application:
    """One process of the application of the migration."""

    def __init__(self, release, database):
        self.process = subprocess.Popen(["/usr/bin/python3", str(FOLDER / "migration" / "shop_orders.py"), "--release", release, database.connection],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.address = f"127.0.0.1:{int(self.process.stdout.readline())}"

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class Buyers:
    """Clients that order, change what they ordered, and look at it, again and again. Whatever is not as it should be is in `faults`."""

    def __init__(self, port, count=4):
        self.port, self.over, self.lock = port, False, threading.Lock()
        self.orders, self.answers, self.faults = {}, {}, []
        self.threads = [threading.Thread(target=self.buy, args=(number,), daemon=True) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self, connection, method, path, body=None):
        connection.request(method, path, json.dumps(body) if body else None)
        answer = connection.getresponse()
        text = answer.read()
        with self.lock:
            release = answer.getheader("X-Version")
            self.answers[release] = self.answers.get(release, 0) + 1
        if answer.status != 200:
            raise rig.Fault(f"{method} {path}: {answer.status} {text!r}")
        return json.loads(text)

    def buy_one(self, connection, product, price, changed):
        id = self.ask(connection, "POST", "/orders", {"product": product, "price": price})["id"]
        for price in (price, changed):
            found = self.ask(connection, "GET", f"/orders/{id}")
            if found != {"product": product, "price": price}:
                raise rig.Fault(f"order {id} is {found}, not {product} for {price}")
            if price != changed:
                self.ask(connection, "PUT", f"/orders/{id}", {"price": changed})
        with self.lock:
            self.orders[id] = (product, changed)

    def buy(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        turn = 0
        while not self.over:
            turn += 1
            try:
                self.buy_one(connection, f"{number}-{turn}", f"{turn % 90}.{turn % 100:02}", f"{100 + turn % 90}.{turn % 7}0")
            except (OSError, http.client.HTTPException, rig.Fault, ValueError) as fault:
                with self.lock:
                    self.faults.append(repr(fault))
                connection.close()
        connection.close()

    def await_more(self, release, count=500):
        """Until so many more answers came from a release."""
        before = self.answers.get(release, 0)
        rig.wait_until(f"{count} answers of release {release}", lambda: self.answers.get(release, 0) >= before + count or self.faults, 60)

    def finish(self):
        self.over = True
        for thread in self.threads:
            thread.join()
