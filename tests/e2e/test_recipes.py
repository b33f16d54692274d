"""docs/recipes: the scripts and the snippets as they stand there, with a real daemon and, where they need one, a real PostgreSQL."""
import contextlib
import os
import re
import subprocess
import threading
import time

import pytest
import yaml

import daemon as rig
import database
import recipes

BACKUP, MIGRATE = recipes.FOLDER / "backup-verified", recipes.FOLDER / "migration" / "migrate"
CHECKED = ["A backup that was restored", "A migration, forth and back", "Instances that come back"]


@pytest.fixture(scope="module")
def server():
    one = database.Server()
    yield one
    one.stop()


@pytest.fixture
def fresh(server):
    """fresh(STATEMENT...): databases, dropped with the test."""
    made = []

    def new(*statements, **options):
        made.append(server.new(*statements, **options))
        return made[-1]

    yield new
    for one in made:
        one.drop()


SCHEMA = (recipes.FOLDER / "migration" / "schema.sql").read_text()
ORDERS = (SCHEMA, "INSERT INTO orders (product, price) SELECT 'product ' || n, n / 4.0 FROM generate_series(1, 3000) n")


def backup_snippet(one, folder):
    return recipes.snippet(CHECKED[0], {recipes.INSTALLED: str(recipes.FOLDER), "/var/backups/shop": str(folder), "host=/run/postgresql dbname=shop user=backup": one.connection})


def with_backup(small, teal, one, folder, **more):
    """A shop whose switch wants a backup of this database."""
    blue, green = small("blue", "1"), small("green", "2")
    return teal(rig.colors([blue], [green], bake="0s", **backup_snippet(one, folder), **more))


def gate(document, name="hook"):
    return [found for found in document["gates"] if found["name"] == name]


def left_behind(one, folder):
    return [name for name in os.listdir(folder) if not name.endswith(".dump") or name.startswith(".")] + [f"teal_check_{one.name}"] * (f"teal_check_{one.name}" in one.server.names())


# ---- backup-verified ----


def test_backup_passes(small, teal, fresh, tmp_path):
    """While the application writes: rows and sequences move on under the dump."""
    one, over = fresh(*ORDERS), threading.Event()

    def write():
        connection = one.open()
        with connection.cursor() as cursor:
            while not over.is_set():
                cursor.execute("INSERT INTO orders (product, price) VALUES ('meanwhile', 1)")
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        shop = with_backup(small, teal, one, tmp_path)
        result = shop.run("switch")
    finally:
        over.set()
        writer.join()
    assert result.code == 0 and shop.service()["live"] == "green", result
    document = shop.newest()
    said = re.fullmatch(rf"{one.name}: a dump of 1 tables and (\d+) rows was restored and is the same; kept as (\S+)\n", gate(document)[0]["output"])
    assert said and int(said[1]) >= 3000
    assert said[2].startswith(f"shop-{one.name}-") and said[2].endswith(f"-{document['id']}.dump")
    assert os.listdir(tmp_path) == [said[2]] and os.stat(tmp_path / said[2]).st_mode & 0o777 == 0o600
    assert not left_behind(one, tmp_path)
    assert "was restored and is the same" in shop.must("history", "--json").out
    # somebody who needs it can use it
    again = fresh()
    subprocess.run(["pg_restore", "--exit-on-error", "--no-owner", "-d", again.connection, tmp_path / said[2]], check=True, stdin=subprocess.DEVNULL)
    assert again.rows("SELECT count(*) FROM orders") == [(int(said[1]),)]


UNRESTORABLE = (*ORDERS, "CREATE TABLE prices (highest numeric)", "INSERT INTO prices VALUES (1000000)",
                "CREATE FUNCTION may_cost(numeric) RETURNS boolean LANGUAGE sql AS 'SELECT $1 <= max(highest) FROM prices'",
                "ALTER TABLE orders ADD CHECK (may_cost(price))")


def test_backup_that_can_not_be_restored(small, teal, fresh, tmp_path):
    """A CHECK whose function finds its table by the search path: well in use, not found when the dump is restored."""
    one = fresh(*UNRESTORABLE)
    shop = with_backup(small, teal, one, tmp_path)
    result = shop.run("switch")
    sentence = rf"backup-verified: the dump of {one.name} can't be restored: .*relation \"prices\" does not exist"
    assert result.code == 3 and re.search(sentence, result.out), result
    document = shop.newest()
    assert (document["outcome"], document["cause"]) == ("refused", "hook") and shop.service()["live"] == "blue"
    assert re.search(sentence, shop.must("explain", document["id"]).out)
    assert not os.listdir(tmp_path) and not left_behind(one, tmp_path)
    # mended, it passes
    one.do("ALTER TABLE orders DROP CONSTRAINT orders_price_check")
    assert shop.run("switch").code == 0


def test_backup_that_differs(small, teal, fresh, tmp_path):
    """A generated column whose function was changed since: the dump is restored without a complaint, and has other values."""
    one = fresh(*ORDERS, "CREATE FUNCTION tax(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 0.19'",
                "ALTER TABLE orders ADD tax numeric GENERATED ALWAYS AS (tax(price)) STORED",
                "CREATE OR REPLACE FUNCTION tax(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 0.16'")
    shop = with_backup(small, teal, one, tmp_path)
    result = shop.run("switch")
    assert result.code == 3 and re.search(rf"the restored {one.name} differs .*< rows of public.orders 3000 -?\d+;> rows of public.orders 3000 -?\d+;", result.out), result
    assert shop.service()["live"] == "blue" and not os.listdir(tmp_path) and not left_behind(one, tmp_path)


RICH = ("CREATE EXTENSION citext", "CREATE EXTENSION hstore", "CREATE SCHEMA \"Odd $name's\"", "CREATE DOMAIN positive AS int CHECK (VALUE > 0)", "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        """CREATE TABLE "Odd $name's"."a ""b""\tc" (id serial PRIMARY KEY, f float8, m money, b bytea, j jsonb, x xml, t timestamptz, i interval, a text[], c citext, h hstore, d positive, e mood)""",
        """INSERT INTO "Odd $name's"."a ""b""\tc" (f, m, b, j, x, t, i, a, c, h, d, e) SELECT random(), n, decode('00ff', 'hex'), '{"a": [1, null]}', '<a/>', now(), '1 day 2 s',
           ARRAY['x', NULL, E'tab\\there'], 'C', 'a=>1', n, 'ok' FROM generate_series(1, 50) n""",
        "CREATE TABLE parts (at date, n int) PARTITION BY RANGE (at)", "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "INSERT INTO parts VALUES ('2020-05-05', 1)", "CREATE UNLOGGED TABLE quick (n int)", "INSERT INTO quick VALUES (NULL), (1), (1)",
        "CREATE TABLE nothing ()", "INSERT INTO nothing DEFAULT VALUES", "CREATE VIEW seen AS SELECT * FROM parts", "CREATE MATERIALIZED VIEW stale AS SELECT count(*) FROM quick",
        "INSERT INTO quick VALUES (2)", "CREATE SEQUENCE down INCREMENT -5 MINVALUE -9223372036854775808", "SELECT nextval('down'), nextval('down')", "CREATE SEQUENCE last MAXVALUE 9223372036854775807",
        "SELECT setval('last', 9223372036854775807)", "SELECT lo_from_bytea(0, 'large')", "ALTER TABLE quick ADD CHECK (n < 100) NOT VALID",
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n := NEW.n + 1; RETURN NEW; END'",
        "CREATE TRIGGER touch BEFORE INSERT ON quick FOR EACH ROW EXECUTE FUNCTION touch()", "ALTER TABLE quick DISABLE TRIGGER touch")


def test_backup_of_much(fresh, tmp_path):
    """Whatever a database may have: all of it is the same after a restore."""
    one = fresh(*RICH, "CREATE TABLE parents (n int)", "CREATE TABLE children (more text) INHERITS (parents)", "INSERT INTO parents VALUES (1)", "INSERT INTO children VALUES (2, 'x')",
                options="TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C.UTF-8'", name="Much of it's")
    result = recipes.run(BACKUP, "--folder", tmp_path, one.connection)
    assert result.code == 0 and result.out.startswith("Much of it's: a dump of 6 tables and 58 rows was restored and is the same; kept as manual-Much_of_it_s-"), result
    result = recipes.run(BACKUP, "--folder", tmp_path, "--checksum-up-to", "0", one.connection)
    assert result.code == 0 and "(of 6 large tables the number of rows)" in result.out, result
    assert not left_behind(one, tmp_path)


def test_backup_keeps_the_newest(fresh, tmp_path):
    one = fresh(*ORDERS)
    others = {"notes.txt", f"shop-{one.name}-20200101T000000Z-other.txt", f"shop-{one.name}-more-20200101T000000Z-1.dump", f"api-{one.name}-20200101T000000Z-1.dump"}
    for name in others | {f"shop-{one.name}-2020010{day}T000000Z-{9 - day}.dump" for day in range(1, 5)}:
        (tmp_path / name).touch()
    result = recipes.run(BACKUP, "--folder", tmp_path, "--keep", "3", one.connection, TEAL_SERVICE="shop", TEAL_DEPLOYMENT="20260101-000000-abc")
    assert result.code == 0, result
    kept = sorted(set(os.listdir(tmp_path)) - others)
    assert kept[:2] == [f"shop-{one.name}-20200103T000000Z-6.dump", f"shop-{one.name}-20200104T000000Z-5.dump"]
    assert len(kept) == 3 and re.fullmatch(rf"shop-{one.name}-20[2-9]\d{{5}}T\d{{6}}Z-20260101-000000-abc\.dump", kept[2]) and others <= set(os.listdir(tmp_path))


@pytest.mark.parametrize("words, sentence", [
    ([], 'say which database'),
    (["host=/nonexistent dbname=shop"], '--folder "" is no folder'),
    (["--folder", "/nonexistent", "host=/nonexistent dbname=shop"], '--folder "/nonexistent" is no folder'),
    (["--folder"], "--folder needs a value"),
    (["--folder", "/", "--keep", "0", "dbname=shop"], "--keep is a number from 1 on"),
    (["--folder", "/", "--checksum-up-to", "all", "dbname=shop"], "--checksum-up-to is a number of MiB"),
    (["--folder", "/", "--verbose", "dbname=shop"], "there is no option --verbose"),
    (["--folder", "/", "dbname=shop", "dbname=other"], '"dbname=other" is a second one'),
    (["--folder", "/", "postgresql://localhost/shop"], "not as URLs"),
    (["--folder", "/", "host=/nonexistent dbname=shop"], "no snapshot of the database could be taken: .*No such file or directory"),
])
def test_backup_refuses(words, sentence):
    result = recipes.run(BACKUP, *words)
    assert result.code == 1 and result.err.startswith("backup-verified: ") and re.search(sentence, result.err) and result.err.count("\n") == 1, result


def test_backup_stopped(small, teal, fresh, tmp_path):
    """Aborted in the middle of the restore, which hangs in a CHECK: nothing is left of it."""
    hangs = "SELECT current_database() NOT LIKE ''teal\\_check\\_%'' OR pg_sleep(600) IS NOT NULL"
    one = fresh(*ORDERS, f"CREATE FUNCTION hangs(numeric) RETURNS boolean LANGUAGE sql SET search_path = pg_catalog AS '{hangs}'", "ALTER TABLE orders ADD CHECK (hangs(price))")
    shop = with_backup(small, teal, one, tmp_path)
    id = shop.api("POST", "/v1/services/shop/switch", {})[1]["deployment"]
    restoring = f"SELECT 1 FROM pg_stat_activity WHERE datname = 'teal_check_{one.name}' AND application_name = 'pg_restore'"
    rig.wait_until("the restore", lambda: one.rows(restoring) or shop.newest()["outcome"] != "running", 60)
    shop.must("abort")
    assert shop.deployment(id)["outcome"] == "aborted"
    rig.wait_until("nothing is left", lambda: not left_behind(one, tmp_path), 30)
    assert not os.listdir(tmp_path)
    # one that was killed leaves its scratch database, and the next one removes it
    one.do("DROP FUNCTION hangs CASCADE")
    one.do(f"CREATE DATABASE teal_check_{one.name}")
    assert shop.run("switch").code == 0 and not left_behind(one, tmp_path)


# ---- the migration ----


def columns(one):
    return {name for name, in one.rows("SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped")}


OLD, BOTH, NEW = {"id", "product", "price"}, {"id", "product", "price", "price_cents"}, {"id", "product", "price_cents"}


def migrate(part, one, deployment="", old="1"):
    more = {"TEAL_DEPLOYMENT": deployment, "TEAL_FROM_VERSION": old} if deployment else {}
    return recipes.run(MIGRATE, part, one.connection, **more)


def test_migration_parts(fresh):
    one = fresh(*ORDERS)
    assert "nothing of this deployment" in migrate("down", one, "a").out and columns(one) == OLD
    assert re.search("expand was not run", migrate("contract", one).err)
    for _ in range(2):
        result = migrate("expand", one, "a")
        assert (result.code, result.out) == (0, "orders has price_cents beside price\n"), result
        assert columns(one) == BOTH and one.rows("SELECT count(*) FROM orders WHERE price_cents IS DISTINCT FROM price * 100") == [(0,)]
    # either release writes, both read
    one.do("INSERT INTO orders (product, price) VALUES ('old', 1.25)", "INSERT INTO orders (product, price_cents) VALUES ('new', 250)", "UPDATE orders SET price = 3.5 WHERE product = 'new'",
           "UPDATE orders SET price_cents = 475 WHERE product = 'old'", "UPDATE orders SET product = product || '!' WHERE product IN ('old', 'new')")
    assert one.rows("SELECT product, price::text, price_cents FROM orders WHERE product LIKE '%!' ORDER BY 1") == [("new!", "3.50", 350), ("old!", "4.75", 475)]
    for said in ("orders is as it was\n", "nothing of this deployment to take back\n"):
        assert migrate("down", one, "a").out == said and columns(one) == OLD
    assert one.rows("SELECT price::text FROM orders WHERE product = 'new!'") == [("3.50",)]
    assert migrate("expand", one, "b").code == 0
    for _ in range(2):
        assert migrate("contract", one).out == "orders has price_cents only\n" and columns(one) == NEW
    result = migrate("down", one, "b")
    assert result.code == 1 and result.err == "migrate: down failed: price is gone since contract: the old release can not run on this database any more\n", result
    assert "already" in migrate("expand", one, "c").out and columns(one) == NEW


def test_whose_migration_it_is(fresh):
    one = fresh(*ORDERS)
    assert migrate("expand", one, "a", old="1").code == 0
    # deployment b leaves the same old release, as a came to nothing: a late `down` of a takes nothing from it
    assert migrate("expand", one, "b", old="1").code == 0
    assert "nothing of this deployment" in migrate("down", one, "a").out and columns(one) == BOTH
    # c leaves the release that needs the new shape: when c goes back, that stays
    assert migrate("expand", one, "c", old="2").code == 0
    assert "nothing of this deployment" in migrate("down", one, "c", old="2").out and columns(one) == BOTH
    result = migrate("expand", one, "d", old="")
    assert result.code == 1 and "the live color has no version" in result.err, result
    assert migrate("down", one).code == 0 and columns(one) == OLD  # by hand


def test_migration_waits_for_its_lock(fresh):
    """Who reads for long keeps the migration waiting, and the migration keeps nobody waiting for longer than its half second."""
    one = fresh(*ORDERS)
    reader = one.open()
    reader.autocommit = False
    reader.cursor().execute("SELECT count(*) FROM orders")
    process = subprocess.Popen([MIGRATE, "expand", one.connection], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'migrate' AND wait_event_type = 'Lock'"
    try:
        for _ in range(2):
            rig.wait_until("the migration waits", lambda: one.rows(waits) or process.poll() is not None, 30)
            one.do("SET statement_timeout = '20s'", "INSERT INTO orders (product, price) VALUES ('meanwhile', 1)")
            assert process.poll() is None and columns(one) == OLD
        reader.rollback()
        assert process.communicate(timeout=60) == ("orders has price_cents beside price\n", "")
    finally:
        reader.close()
        process.kill()
        process.communicate()
    assert process.returncode == 0 and columns(one) == BOTH


@pytest.mark.parametrize("words, sentence", [
    (["expand"], "migrate: usage: "),
    (["sideways", "dbname=shop"], 'migrate: there is no part "sideways"'),
    (["expand", "host=/nonexistent dbname=shop"], "migrate: expand failed: .*No such file or directory"),
])
def test_migration_refuses(words, sentence):
    result = recipes.run(MIGRATE, *words)
    assert result.code == 1 and re.match(sentence, result.err), result


@pytest.fixture
def applications():
    with contextlib.ExitStack() as started:

        def start(release, one):
            found = recipes.Application(release, one)
            started.callback(found.stop)
            return found

        yield start


def deploy(shop, application, version, *options):
    shop.must("deploy", "--backend", application.address, "--version", version, "--no-wait", *options)
    return shop.newest()["id"]


@pytest.mark.long
def test_migration_forth_and_back(teal, fresh, applications, tmp_path):
    """Under load all the time: back in the bake, forth and back after it, forth for good, contract. No request fails, no order is lost or wrong."""
    one = fresh(*ORDERS)
    hooks = recipes.snippet(CHECKED[1], {recipes.INSTALLED: str(recipes.FOLDER), "/var/backups/shop": str(tmp_path), "host=/run/postgresql dbname=shop user=backup": one.connection,
                                         "host=/run/postgresql dbname=shop user=owner": one.connection})
    old, new = applications("1", one), applications("2", one)
    shop = teal(rig.colors([old], [new], **hooks))
    buyers = recipes.Buyers(shop.port)

    def back():
        shop.must("rollback")
        rig.wait_until("the old shape", lambda: columns(one) == OLD, 60)
        buyers.await_more("1")
        assert not buyers.faults, buyers.faults[:5]

    def forth(version, *options):
        id = deploy(shop, new, version, *options)
        assert columns(one) == BOTH
        buyers.await_more("2")
        assert not buyers.faults, buyers.faults[:5]
        return id

    try:
        buyers.await_more("1")
        id = forth("2", "--bake", "1h")
        assert [found["output"].splitlines()[-1].split(": ")[-1][:20] for found in gate(shop.deployment(id, until="switched"))] == ["a dump of 1 tables a", "orders has price_cen"]
        back()
        assert shop.deployment(id)["outcome"] == "rolled_back"
        rig.wait_until("what the hook said", lambda: "orders is as it was" in shop.must("explain", id, "--json").out, 30)
        id = forth("2.1", "--bake", "0s")
        assert shop.deployment(id)["outcome"] == "promoted"
        back()
        forth("2.2", "--bake", "0s")
        assert recipes.run(MIGRATE, "contract", one.connection).code == 0 and columns(one) == NEW
        buyers.await_more("2")
    finally:
        buyers.finish()
    assert not buyers.faults, buyers.faults[:5]
    found = {id: (product, f"{cents // 100}.{cents % 100:02}") for id, product, cents in one.rows("SELECT id, product, price_cents FROM orders WHERE id > 3000")}
    assert buyers.orders and found.items() >= buyers.orders.items()
    assert len(os.listdir(tmp_path)) == 3


# ---- CI ----

TOKEN = "a-token-of-the-test"
CI = recipes.FOLDER / "ci"


@pytest.fixture
def pipeline(small, teal, tmp_path):
    """A shop whose admin API is on TCP as well, and stand-ins for what pipelines call besides `teal`."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    admin = recipes.snippet("From CI", {"/run/teal/admin.sock": str(tmp_path / "admin.sock"), "10.0.0.9:9180": "127.0.0.1:0", "/etc/teal/token": str(token)})
    blue, green = small("blue", "1"), small("green", "2")
    shop = rig.Teal(rig.colors([blue], [green], bake="0s"), **admin)
    shop.socket = str(tmp_path / "admin.sock")
    shop.blue, shop.green, shop.stands = blue, green, recipes.Stands(tmp_path / "bin")
    shop.stands.link("teal", rig.BINARY)
    shop.stands.add("docker")
    try:
        shop.start()
        yield shop
        shop.end()
    finally:
        shop.clean()


def run_github(shop, name, **values):
    known = {"vars.TEAL_ADMIN": f"http://{shop.status()['admin_listen']}", "secrets.TEAL_TOKEN": TOKEN, "vars.BLUE_BACKENDS": shop.blue.address,
             "vars.GREEN_BACKENDS": shop.green.address, "github.actor": "ada", "github.run_id": "77", **values}
    return recipes.run_workflow(CI / name, known, PATH=shop.stands.path, GITHUB_SHA=values.get("sha", ""), GITHUB_WORKSPACE="/srv/work")


def compose_up(folder, color):
    return ["compose", "--project-directory", folder, "--project-name", f"shop-{color}", "up", "--detach", "--wait", "--wait-timeout", "120"]


def test_github(pipeline):
    code, said = run_github(pipeline, "github-deploy.yml", sha="0a1b2c3")
    assert code == 0 and "promoted" in said, said
    assert pipeline.stands.calls("docker") == [compose_up("/srv/work", "green")]
    found, document = pipeline.service(), pipeline.newest()
    assert found["live"] == "green" and found["colors"]["green"]["version"] == "0a1b2c3"
    assert (document["reason"], document["kind"]) == ("pushed by ada, run 77", "deploy")
    # at once: nothing is started for it
    code, said = run_github(pipeline, "github-rollback.yml", **{"inputs.version": "1", "inputs.reason": 'it\'s "slow"; $(exit)'})
    assert code == 0 and "blue is live again" in said, said
    assert pipeline.service()["live"] == "blue" and pipeline.newest()["rollback"]["reason"] == 'it\'s "slow"; $(exit)'
    assert len(pipeline.stands.calls("docker")) == 1
    code, said = run_github(pipeline, "github-rollback.yml", **{"inputs.version": "1", "inputs.reason": "again"})
    assert code == 0 and "shop runs 1 already" in said, said
    # one that is not there any more is released again
    code, said = run_github(pipeline, "github-rollback.yml", **{"inputs.version": "0.9", "inputs.reason": "the last good one"})
    assert code == 0 and pipeline.service()["colors"]["green"]["version"] == "0.9" and pipeline.newest()["reason"] == "the last good one", said
    assert pipeline.stands.calls("docker")[1:] == [compose_up("/srv/work", "green")]


def test_github_fails(pipeline):
    pipeline.must("lock", "--reason", "stocktaking")
    code, said = run_github(pipeline, "github-deploy.yml", sha="0a1b2c3")
    assert code == 3 and "stocktaking" in said, said
    pipeline.must("unlock")
    code, said = run_github(pipeline, "github-deploy.yml", sha="0a1b2c3", **{"secrets.TEAL_TOKEN": "another"})
    assert code == 1 and "does not let you do this" in said and TOKEN not in said, said
    pipeline.stands.add("docker", "sys.exit('no space left on device')")
    code, said = run_github(pipeline, "github-deploy.yml", sha="0a1b2c3")
    assert code == 1 and "no space left on device" in said, said
    assert pipeline.service()["live"] == "blue"
    code, said = run_github(pipeline, "github-rollback.yml", **{"inputs.version": "1; exit", "inputs.reason": "none"})
    assert code == 2 and '"1; exit" is no version' in said, said


def test_go_back_while_a_release_is_under_way(pipeline):
    """One that is live in its bake, and one that is not live yet."""
    pipeline.must("switch", "--bake", "1h", "--no-wait")
    assert run_github(pipeline, "github-rollback.yml", **{"inputs.version": "1", "inputs.reason": "none"})[0] == 0
    assert pipeline.newest()["outcome"] == "rolled_back" and pipeline.service()["live"] == "blue"
    pipeline.green.fall_sick()
    rig.wait_until("green is unhealthy", lambda: pipeline.service()["colors"]["green"]["health"] == "unhealthy", 30)
    status, answer = pipeline.api("POST", "/v1/services/shop/deploy", {"backends": [pipeline.green.address], "version": "3", "wait_s": 3600})
    assert status == 202
    assert run_github(pipeline, "github-rollback.yml", **{"inputs.version": "1", "inputs.reason": "none"})[0] == 0
    assert pipeline.deployment(answer["deployment"])["outcome"] == "aborted" and pipeline.service()["live"] == "blue"


# As sshd does: the words are one command for a shell.
SSH = """
assert words[:-2] == ["-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/keys/hosts", "-i", os.environ["DEPLOY_KEY"]], words
assert words[-2] == "deploy@gateway", words
os.environ["TEAL_ADMIN"] = note("admin")
os.execv("/bin/sh", ["sh", "-c", words[-1].replace("/usr/local/lib/teal", note("recipes"))])
"""


def run_gitlab(shop, job, key, **values):
    """A job as GitLab's runner runs it: before_script and script are one script of bash, after_script is another."""
    document = yaml.safe_load((CI / "gitlab-ci.yml").read_text())
    job = {**document[document[job]["extends"]], **document[job]}
    variables = {"DEPLOY_KEY": str(key), "DEPLOY_HOSTS": "/keys/hosts", "DEPLOY_TO": "deploy@gateway", "BLUE_BACKENDS": shop.blue.address, "GREEN_BACKENDS": shop.green.address, **values}
    for name, value in job["variables"].items():
        variables[name] = re.sub(r"\$(\w+)", lambda found: variables[found[1]], value)
    said, code = "", None
    for script in (["set -e -o pipefail", *job["before_script"], *job["script"]], job.get("after_script", [])):
        result = recipes.run("/bin/bash", "-c", "\n".join(script), **{**variables, "PATH": shop.stands.path})
        code, said = result.code if code is None else code, said + result.out + result.err
    return code, said


def test_gitlab(pipeline, tmp_path):
    key = tmp_path / "key"
    key.touch(0o644)
    pipeline.stands.add("ssh", SSH)
    pipeline.stands.note("admin", pipeline.socket)
    pipeline.stands.note("recipes", str(recipes.FOLDER))
    code, said = run_gitlab(pipeline, "deploy", key, CI_COMMIT_SHA="0a1b2c3")
    assert code == 0 and "promoted" in said, said
    assert key.stat().st_mode & 0o777 == 0o600
    assert pipeline.stands.calls("docker") == [compose_up("/srv/shop", "green")]
    assert pipeline.service()["colors"]["green"]["version"] == "0a1b2c3" and pipeline.service()["live"] == "green"
    code, said = run_gitlab(pipeline, "rollback", key, VERSION=f"1; touch {tmp_path}/mischief")
    assert code == 2 and "is no version" in said and not (tmp_path / "mischief").exists(), said
    code, said = run_gitlab(pipeline, "rollback", key, VERSION="1")
    assert code == 0 and pipeline.service()["live"] == "blue", said
    pipeline.must("lock", "--reason", "stocktaking")
    assert run_gitlab(pipeline, "deploy", key, CI_COMMIT_SHA="1b2c3d4")[0] == 3


@pytest.mark.parametrize("name", ["release", "go-back"])
def test_ci_usage(name):
    result = recipes.run(CI / name, "shop")
    assert result.code == 2 and result.err.startswith(f"usage: {name} SERVICE VERSION BLUE-BACKENDS GREEN-BACKENDS START"), result


# ---- instances ----

KUBECTL = """
assert words[:2] == ["--namespace", "shop"], words
verb, name = words[2:4], next(word for word in words if word.startswith("deployment/"))
if verb[0] == "get":
    assert words[3:] == [name, "--output", r"jsonpath={.spec.template.metadata.labels.app\\.kubernetes\\.io/version}"], words
    print(note(name.replace("/", "-")), end="")
elif verb == ["rollout", "undo"]:
    assert words[4:] == [name], words
    note(name.replace("/", "-"), "1" if note(name.replace("/", "-")) == "2" else "2")
else:
    assert words[2:] == ["rollout", "status", name, "--timeout", "120s"], words
    if not note("waited"):
        note("waited", "once")
        sys.exit("error: timed out waiting for the condition")
"""

ARGOCD = """
assert words[0] == "app" and words[2] == "shop-batch", words
ids = note("ids").split()
if words[1] == "history":
    assert words[3:] == ["--output", "id"], words
    print("\\n".join(ids))
elif words[1] == "rollback":
    assert words[3] in ids and words[4:] == ["--timeout", "120"], words
    note("ids", " ".join([*ids, str(int(ids[-1]) + 1)]))
else:
    assert words[1:] == ["wait", "shop-batch", "--health", "--timeout", "120"], words
    if not note("awaited"):
        note("awaited", "once")
        sys.exit("timed out (120s) waiting for app")
"""


def test_instances(small, teal, tmp_path, monkeypatch):
    """All three at once; two of them fail at first and are run again, and lead back all the same, once."""
    stands, state = recipes.Stands(tmp_path / "bin"), tmp_path / "state"
    state.mkdir()
    stands.add("docker", "note('version', os.environ['VERSION'])")
    stands.add("kubectl", KUBECTL)
    stands.add("argocd", ARGOCD)
    for name, text in {"deployment-worker": "2", "deployment-mailer": "1", "ids": "9 10 11"}.items():
        stands.note(name, text)
    monkeypatch.setenv("PATH", stands.path)
    hooks = recipes.snippet(CHECKED[2], {recipes.INSTALLED: str(recipes.FOLDER), "/var/lib/shop-rollbacks": str(state)})
    shop = teal(rig.colors([small("blue", "1")], [small("green", "2")], bake="1h", **hooks))
    shop.must("switch", "--no-wait")
    shop.must("rollback")
    id = shop.newest()["id"]
    rig.wait_until("three hooks", lambda: shop.read_log().count("hook_ended: shop: hook of rolled_back: ") == 3, 60)
    assert stands.calls("docker") == [compose_up("/srv/shop", "blue")] and (stands.folder / "version.note").read_text() == "1"
    assert [words[4] for words in stands.calls("kubectl") if words[2:4] == ["rollout", "undo"]] == ["deployment/worker"]
    assert (stands.folder / "deployment-worker.note").read_text() == "1"
    assert [words[3] for words in stands.calls("argocd") if words[1] == "rollback"] == ["10", "10"]
    assert "deployment/mailer has version 1, not 2" in shop.must("explain", id, "--json").out


@pytest.mark.parametrize("words, more, sentence", [
    (["compose-color"], {}, "say in which folder"),
    (["compose-color", "/srv"], {}, "say which color"),
    (["compose-color", "/srv"], {"TEAL_FROM": "blue", "TEAL_FROM_VERSION": "", "TEAL_SERVICE": "shop"}, "say which version"),
    (["kubectl-undo"], {}, "say in which namespace"),
    (["kubectl-undo", "shop"], {}, "say which deployments"),
    (["kubectl-undo", "shop", "worker"], {"TEAL_TO_VERSION": ""}, "has no version"),
    (["argocd-back", "/nonexistent"], {}, "say which application"),
    (["argocd-back", "/nonexistent", "shop"], {"TEAL_DEPLOYMENT": "a"}, "shop has nothing before what it is now"),
])
def test_instances_refuse(tmp_path, words, more, sentence):
    stands = recipes.Stands(tmp_path / "bin")
    for name in ("docker", "kubectl"):
        stands.add(name)
    stands.add("argocd", "print('1')")
    result = recipes.run(recipes.FOLDER / "instances" / words[0], *words[1:], **{**more, "PATH": stands.path})
    assert result.code != 0 and sentence in result.err, result
    assert not stands.calls("docker") and not stands.calls("kubectl")


# ---- the index ----


def test_index():
    """Every file is told of, and whatever is told of is there."""
    text = (recipes.FOLDER / "README.md").read_text()
    linked = set(re.findall(r"\]\(([^)#]+)\)", text))
    assert all((recipes.FOLDER / name).exists() for name in linked)
    files = {str(path.relative_to(recipes.FOLDER)) for path in recipes.FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert files - linked == {"README.md"}
    for path in re.findall(rf"{recipes.INSTALLED}/([\w./-]+)", text):
        assert os.access(recipes.FOLDER / path, os.X_OK), path


@pytest.mark.parametrize("heading", CHECKED)
def test_snippets(heading, tmp_path):
    file = tmp_path / "teal.yaml"
    service = {"blue": {"backends": ["127.0.0.1:1"]}, "green": {"backends": []}, **recipes.snippet(heading, {})}
    file.write_text(yaml.safe_dump({"listen": [{"address": "127.0.0.1:0"}], "state": str(tmp_path), "services": {"shop": service}}))
    result = recipes.run(rig.BINARY, "check", "-c", file)
    assert result.code == 0, result
