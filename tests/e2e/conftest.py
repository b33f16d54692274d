"""Fixtures of the end-to-end tests. $TEAL_BUILD names the build folder (default build/release), $TEAL_BINARY another teal."""
import contextlib
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import daemon as rig


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes so long that it runs with the release binary only")


def pytest_collection_modifyitems(items):
    """The long ones first, so that they run beside the short ones."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def built():
    missing = [path for path in (rig.BINARY, *(rig.BUILD / "tools" / name for name in ("strict", "sockets", "backend"))) if not os.access(path, os.X_OK)]
    if missing:
        pytest.exit(f"not built: {', '.join(map(str, missing))}; run script/build {rig.BUILD.name} all tests", 2)


@pytest.fixture
def small():
    """Starts small backends: small("blue", "1", OPTION...)."""
    with contextlib.ExitStack() as started:

        def start(color, version="1", *options):
            backend = rig.Small(color, version, *options)
            started.callback(backend.stop)
            return backend

        yield start


@pytest.fixture
def strict():
    """Starts strict clients: strict(port, OPTION...)."""
    with contextlib.ExitStack() as started:

        def start(port, *options):
            client = rig.Strict(port, *options)
            started.callback(client.stop)
            return client

        yield start


@pytest.fixture
def teal():
    """Starts daemons: teal(services, SETTING=...). A test that passes ends them by SIGTERM, properly."""
    daemons = []

    def start(services, healthy=True, **settings):
        one = rig.Teal(services, **settings)
        daemons.append(one)
        return one.start(healthy)

    try:
        yield start
        for one in daemons:
            if one.process.poll() is None:
                one.end()
            one.check_log()
    finally:
        for one in daemons:
            one.clean()


@pytest.fixture
def shop(small, teal):
    """One service, one small backend a color, a bake of 300 ms."""
    blue, green = small("blue", "1"), small("green", "2")
    one = teal(rig.colors([blue], [green], bake="300ms"))
    one.blue, one.green = blue, green
    return one
