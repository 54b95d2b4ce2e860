"""Every row of the catalogue of attacks that belongs to a finished feature has a test that carries its id."""

import re

from tests.architecture import house

# A feature's rows are added here by the change that finishes it.
FINISHED = frozenset(
    {
        *(f"JWT-{number:02}" for number in range(1, 16)),
        *("REF-01", "REF-04", "REF-05", "REF-10"),
        *("SES-01", "SES-02", "SES-03", "SES-04", "SES-05", "SES-07", "SES-08"),
        "MFA-07",
        *(f"TOK-{number:02}" for number in range(8, 17)),
        *("AUT-05", "AUT-06", "AUT-07"),
        *("AUT-18", "AUT-20", "AUT-25", "WEB-02"),
        *(f"AUT-{number:02}" for number in range(1, 26)),
        *("ADM-03", "ADM-04"),
        *("TOK-08", "TOK-09"),
        *("PWD-06", "PWD-07", "PWD-08", "PWD-09", "PWD-10", "PWD-12", "SES-06"),
        *(f"MFA-{number:02}" for number in range(1, 9)),
        *(f"PKY-{number:02}" for number in range(1, 8)),
        *("PWD-01", "PWD-02", "PWD-03", "PWD-04", "PWD-05", "PWD-13"),
        *("KEY-01", "KEY-02", "KEY-03", "KEY-04", "KEY-05", "KEY-06"),
        *("DOS-01", "DOS-02", "DOS-03", "OPS-01", "OPS-02", "OPS-03", "OPS-05"),
        "AUD-03",
        *(f"F{number}" for number in range(1, 29)),
        *("WEB-01", "WEB-03", "WEB-04"),
        *("TOK-12", "WEB-01", "WEB-03", "WEB-04"),
        *(f"API-{number:02}" for number in range(1, 8)),
        *(f"SDK-{number:02}" for number in range(1, 7)),
        *("AUD-02", "AUD-04", "AUD-05", "AUD-01", "OPS-04", "F20", "F27"),
        *("ADM-02", "ADM-03", "ADM-07", "ADM-08"),
        *(f"HOK-{number:02}" for number in range(1, 7)),
        *("OIP-01", "OIP-02", "OIP-03", "OIP-04", "WEB-02"),
        "REF-06",
        *("ADM-01", "ADM-05", "ADM-06", "KEY-02", "F25"),
        *(f"TOK-{number:02}" for number in range(1, 8)),
        *(f"REF-{number:02}" for number in range(1, 11)),
        *("OIP-05", "OIP-06", "OIP-08", "KEY-07"),
        *("RPF-01", "RPF-02", "RPF-03", "RPF-05", "RPF-06"),
        *("RPF-04", "RPF-05", "RPF-07", "RPF-08", "RPF-09", "RPF-10", "RPF-11", "F17"),
        *(f"SAM-{number:02}" for number in range(1, 12)),
        *("PWD-11", "OIP-09"),
        *("F1", "F2", "F3", "F4", "F5", "F7", "F8", "F9", "F10", "F18", "F21", "F22", "F23", "F26"),
    }
)


def test_every_row_of_a_finished_feature_has_a_test():
    assert sorted(FINISHED - house.marked_rows(house.PROJECT)) == []


def test_every_mark_has_the_form_of_a_row():
    odd = {row for row in house.marked_rows(house.PROJECT) if not re.fullmatch(r"[A-Z]{2,4}-\d{2}|F\d{1,2}", row)}
    assert odd == set()


def test_marks_are_found_wherever_pytest_takes_them_and_nowhere_else(tmp_path):
    source = """
import pytest
from pytest import mark

pytestmark = pytest.mark.attack("AAA-01")

@pytest.mark.attack("AAA-02")
def test_one(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=mark.attack("AAA-03"))])
def test_two(x): ...

class TestThree:
    @pytest.mark.fault("F99")
    def test_three(self): ...

# @pytest.mark.attack("AAA-04")
text = '@pytest.mark.attack("AAA-05")'
"""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_rows.py").write_text(source)
    assert house.marked_rows(tmp_path) == {"AAA-01", "AAA-02", "AAA-03", "F99"}
    assert FINISHED - house.marked_rows(tmp_path) == FINISHED
