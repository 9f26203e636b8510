"""Fixtures of every pytest suite here; tests/harness/telecura.py says what a suite offers."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness"))

import telecura  # noqa: E402


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
