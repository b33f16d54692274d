"""A PostgreSQL server of the tests' own, in a temporary folder, on a Unix socket only, ended with them; and databases in it."""
import glob
import itertools
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import psycopg2

import daemon as rig

USER = "postgres"  # also the user of the system that runs it where the tests are root's: PostgreSQL refuses to run as root
numbers = itertools.count(1)


class Server:
    def __init__(self):
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))[-1]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="teal-pg-"))
        self.become = []
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.become = ["/usr/bin/setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self.data = str(self.folder / "data")
        self.control("initdb", "-D", self.data, "--no-sync", "-U", USER, "-A", "trust", "-E", "UTF8")
        settings = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=60"
        self.control("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", settings, "start")

    def control(self, program, *words):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
        done = subprocess.run([*self.become, f"{self.programs}/{program}", *words], cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise rig.Fault(f"{program}: {done.stderr}")

    def stop(self):
        try:
            self.control("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")
        finally:
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
