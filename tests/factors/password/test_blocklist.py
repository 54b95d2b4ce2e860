"""The list of common passwords that ships with the service."""

import random

from app.factors.password.blocklist import FILTER, CommonPasswords, fold


def test_the_filter_is_small_enough_to_ship() -> None:
    assert FILTER.stat().st_size < 1_000_000


def test_a_password_that_is_not_listed_is_hardly_ever_taken_for_one(common: CommonPasswords) -> None:
    chance = random.Random(7)
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789 -"
    hits = sum("".join(chance.choices(alphabet, k=16)) in common for _ in range(100_000))
    assert hits <= 10


def test_folding_takes_case_and_compatibility_forms_away() -> None:
    assert fold("\uff30\uff41ßWORD") == "password"
    assert fold(fold("ΐﬁ İ")) == fold("ΐﬁ İ")
