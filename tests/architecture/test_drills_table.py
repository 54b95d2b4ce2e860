"""The table at the end of `make drills`."""

from tests.faults.table import lines, table


class Report:
    """As pytest hands one over."""

    def __init__(self, nodeid: str, when: str, *found: dict) -> None:
        self.nodeid, self.when, self.duration, self.outcome = nodeid, when, 2.4, "passed"
        self.user_properties = [("drill", list(found))] if found else []


def test_every_drill_that_ran_has_its_line():
    figures = {"drill": "F1", "lost": "0", "errors": "0.10%", "first success": "12 ms"}
    reports = [
        Report("tests/faults/test_a.py::test_one", "setup"),
        Report("tests/faults/test_a.py::test_one", "call"),
        Report("tests/faults/test_a.py::test_one", "teardown", figures),
        Report("tests/faults/test_a.py::test_two_at_once", "call"),
    ]
    text = table(list(lines(reports)))
    assert text[0].split("  ")[0] == "drill"
    assert text[1].split() == ["F1", "-", "0", "-", "0.10%", "12", "ms", "2", "passed"]
    assert text[2].startswith("two at once")
    assert len(text) == 3
