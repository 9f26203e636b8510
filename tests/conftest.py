"""Fixtures of every pytest suite here; tests/harness/telecura.py says what a suite offers."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness"))

import cases  # noqa: E402
import telecura  # noqa: E402


def pytest_configure(config):
    config.pluginmanager.register(cases.Cases())


@pytest.fixture(scope="session")
def suite():
    made = telecura.Suite()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def real_time(request):
    """A test that moved the clock leaves it as it was."""
    yield
    if "suite" in request.fixturenames:
        request.getfixturevalue("suite").clock(0)


@pytest.fixture(autouse=True)
def unharmed():
    """No test may make a service crash, or a sanitizer speak."""
    yield
    assert [harm for suite in telecura.Suite.running for harm in suite.harm()] == []
