"""What callers send, and what they get."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds a NUL character, which no database stores")
    return text


Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)
]
Description = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_storable)]


class _Body(BaseModel):
    # A misspelt field is told, instead of being lost.
    model_config = ConfigDict(extra="forbid")


class NewTodo(_Body):
    """A whole todo: what POST makes, and PUT puts in place of another."""

    title: Title
    description: Description = ""
    completed: bool = False


class TodoChange(_Body):
    """What PATCH changes; what is left out stays, so that these defaults are never used."""

    title: Title = ""
    description: Description = ""
    completed: bool = False


class TodoOut(BaseModel):
    """A todo as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str
    completed: bool
    created_at: datetime
    updated_at: datetime
