"""What a group may be called: pure rules."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.groups.errors import InvalidGroup

MAX_DESCRIPTION_CHARACTERS = 500
MAX_GROUPS_OF_A_USER = 100
"""Tokens name every group of their user where the audience asks for it, and must stay of a size that headers take."""

# What a header, a path and a log line carry as it is. Inner spaces are allowed, because directories have them.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._:/@+-]{0,126}[A-Za-z0-9._:/@+-])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named set of users."""

    id: UUID
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user in a group, since `added_at`."""

    user_id: UUID
    sub: str
    email: str
    added_at: datetime


def is_group_name(text: str) -> bool:
    """Whether a group could have this name."""
    return _NAME.fullmatch(text) is not None


def check_group(name: str, description: str | None) -> None:
    """Refuse what a group may not be called or said to be. Raises InvalidGroup."""
    faults = []
    if not is_group_name(name):
        words = "1 to 128 letters, digits, spaces or . _ : / @ + -, beginning with a letter or digit"
        faults.append(("/name", words))
    if description is not None and (
        not 0 < len(description) <= MAX_DESCRIPTION_CHARACTERS
        or any(unicodedata.category(character) in {"Cc", "Cs"} for character in description)
    ):
        faults.append(("/description", f"1 to {MAX_DESCRIPTION_CHARACTERS} characters on one line, or null"))
    if faults:
        raise InvalidGroup("; ".join(f"{pointer[1:]}: {words}" for pointer, words in faults) + ".", faults=faults)
