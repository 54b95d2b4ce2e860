"""Reading an export of a realm, however many users it holds, in the memory of one of them."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

_CHUNK_CHARACTERS = 256 * 1024
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


class RealmRefused(ValueError):
    """The file is no export of a realm."""


def members(file: TextIO, *, each: str) -> Iterator[tuple[str, Any]]:
    """The members of the document's object, in their order; of the list `each`, every item as a member of that name.

    Only one of them is in memory at a time. `Any` is JSON of Keycloak's. Raises RealmRefused.
    """
    scanner = _Scanner(file)
    scanner.expect("{", "The file is not one realm as JSON; export each realm to a file of its own.")
    if scanner.peek() == "}":
        return
    while True:
        name = scanner.value()
        if not isinstance(name, str):
            raise RealmRefused("The file is not valid JSON.")
        scanner.expect(":")
        if name == each and scanner.peek() == "[":
            for item in scanner.items():
                yield name, item
        else:
            yield name, scanner.value()
        if scanner.peek() != ",":
            break
        scanner.expect(",")
    scanner.expect("}")


class _Scanner:
    """A position in a text that is read as far as it is needed."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space; nothing at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._fill():
                return self._text[self._at : self._at + 1]

    def expect(self, character: str, otherwise: str = "The file is not valid JSON.") -> None:
        """Step over this character."""
        if self.peek() != character:
            raise RealmRefused(otherwise)
        self._at += 1

    def value(self) -> Any:
        """The value that begins here."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise RealmRefused("The file is nested too deep.") from None
            except json.JSONDecodeError:
                if not self._fill():
                    raise RealmRefused("The file is not valid JSON, or ends too soon.") from None
                continue
            # A number may go on in what has not been read.
            if end < len(self._text) or not self._fill():
                self._at = end
                return value

    def items(self) -> Iterator[Any]:
        """The items of the list that begins here."""
        self.expect("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.value()
            if self.peek() != ",":
                break
            self._at += 1
        self.expect("]")

    def _fill(self) -> bool:
        """Read on; what lies behind is let go. Each time twice as much, so that a long value is not tried too often."""
        more = self._file.read(max(_CHUNK_CHARACTERS, len(self._text) - self._at))
        self._text = self._text[self._at :] + more
        self._at = 0
        return bool(more)
