"""Hostile cases: the mark `family(number)` of a test (tests/hostile/families.py lists the numbers), and
what became of each, written as a JSON line into the file that TELECURA_CASES names."""
import json
import os


class Cases:
    def __init__(self):
        self.file = os.environ.get("TELECURA_CASES")

    def pytest_configure(self, config):
        config.addinivalue_line("markers", "family(number): a hostile case of that family")

    def pytest_runtest_logreport(self, report):
        """A case that passes says so once; one whose fixture fails, says so too."""
        number = dict(report.user_properties).get("family")
        if number is None or not self.file or (report.passed and report.when != "call"):
            return
        with open(self.file, "a") as f:
            f.write(json.dumps({"family": number, "case": report.nodeid, "passed": report.passed}) + "\n")

    def pytest_collection_modifyitems(self, items):
        for item in items:
            for mark in item.iter_markers("family"):
                item.user_properties.append(("family", mark.args[0]))
                break       # the closest
