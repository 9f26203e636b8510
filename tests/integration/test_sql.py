"""Every statement of every service is PREPAREd against its migrated database: wrong SQL is red."""
import pathlib

import pytest

import telecura

SERVICES = sorted(path.parents[1].name
                  for path in pathlib.Path(__file__).parents[2].glob("services/*/sql/migrations"))


@pytest.mark.parametrize("name", SERVICES)
def test_statements_fit_the_database(suite, name):
    service = suite.service(name, start=False)
    done = service.command("--config", service.config, "--verify")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_migrating_twice_changes_nothing(suite, name):
    service = suite.service(name, start=False)
    before = service.value("SELECT count(*) FROM migration")
    assert service.command("--config", service.config, "--migrate").returncode == 0
    assert service.value("SELECT count(*) FROM migration") == before


def test_there_are_services():
    assert len(SERVICES) >= 8, f"{telecura.bin_folder()} is not the suite"
