"""The order of a parallel run loses no test and begins with what takes long."""

from dataclasses import dataclass

import pytest

from tests.order import LONG, arranged


@dataclass(frozen=True)
class Case:
    nodeid: str


def cases_of(folder: str, count: int) -> list[Case]:
    return [Case(f"{folder}test_it.py::test_{number}") for number in range(count)]


@pytest.mark.parametrize("workers", [2, 3, 4, 8])
def test_each_stretch_begins_with_what_takes_long_and_none_is_lost(workers):
    items = [*cases_of("tests/admin/", 300), *(test for folder in LONG for test in cases_of(folder, 5))]
    items += cases_of("sdk/tests/", 200)
    found = arranged(items, workers)
    assert sorted(test.nodeid for test in found) == sorted(test.nodeid for test in items)
    begin = 0
    for number in range(workers):
        assert found[begin].nodeid.startswith(tuple(LONG)), number
        begin += (len(items) - begin) // (workers - number)
    assert not found[-1].nodeid.startswith(tuple(LONG))


def test_more_that_takes_long_than_anything_else_is_all_there():
    items = [test for folder in LONG for test in cases_of(folder, 50)]
    assert set(arranged(items, 3)) == set(items)
