"""A PostgreSQL server of the tests' own, in a temporary folder, on a Unix socket only, ended with them; and databases in it."""
import contextlib
import glob
import itertools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg2

import daemon as rig

USER = "postgres"  # in it, and of the system where the tests are root's: PostgreSQL refuses to run as root
numbers = itertools.count(1)


class Server:
    def __init__(self):
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))[-1]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="teal-pg-"))
        self.process = None
        self.become = ["/usr/bin/setpriv", "--pdeathsig=QUIT"]  # whatever becomes of the tests, it does not outlive them
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.become += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def begin(self, program, *words):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen([*self.become, f"{self.programs}/{program}", *words], cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        data = str(self.folder / "data")
        if self.begin("initdb", "-D", data, "--no-sync", "-U", USER, "-A", "trust", "-E", "UTF8").wait():
            raise rig.Fault("initdb: " + self.log())
        self.process = self.begin("postgres", "-D", data, "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off", "-c", "max_connections=60")
        rig.wait_until("PostgreSQL", self.answers, 60)

    def answers(self):
        if self.process.poll() is not None:
            raise rig.Fault("postgres: " + self.log())
        with contextlib.suppress(psycopg2.OperationalError):
            return Database(self, USER).rows("SELECT 1")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connection(self, name):
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        return f"host={self.folder} user={USER} dbname='{quoted}'"

    def names(self):
        return {row[0] for row in Database(self, "postgres").rows("SELECT datname FROM pg_database")}

    def new(self, *statements, options="", name=None):
        """A new database after these statements."""
        name = name or f"shop{next(numbers)}"
        Database(self, "postgres").do(f'CREATE DATABASE "{name}" {options}')
        found = Database(self, name)
        found.do(*statements)
        return found


class Database:
    def __init__(self, server, name):
        self.server, self.name, self.connection = server, name, server.connection(name)

    def open(self):
        found = psycopg2.connect(self.connection)
        found.autocommit = True
        return found

    def do(self, *statements):
        connection = self.open()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def rows(self, query):
        connection = self.open()
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def drop(self):
        Database(self.server, "postgres").do(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
