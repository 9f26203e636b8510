"""One house for all families, and the rule that every test here belongs to one of them."""
import pytest

import families
from house import House
from visits import Grants


@pytest.fixture(scope="session")
def grants(suite):
    return Grants(suite)


@pytest.fixture(scope="session")
def house(suite, grants):
    suite.idp.ttl_s = 7200  # all cases together may take longer than a sign-in lasts
    return House(suite, grants)


def pytest_collection_modifyitems(items):
    strangers = {item.nodeid.split("[")[0] for item in items if not item.get_closest_marker("family")}
    if strangers:
        raise pytest.UsageError("of no family: " + ", ".join(sorted(strangers)))
    for fault in families.faults():
        raise pytest.UsageError(fault)
    # What looks for leaks looks when all others have had their chance.
    items.sort(key=lambda item: "test_nowhere" in item.nodeid)
