"""Reading a connection's configuration member by member, with words for what is wrong."""

from collections.abc import Collection, Mapping
from typing import Any

from app.federation.connector import InvalidConfiguration
from app.protocols.oidc.upstream_metadata import split_url

MAX_TEXT_CHARACTERS = 512
_MAX_ITEMS = 64
# What a sign-in is made of is never an operator's to set.
_OUR_PARAMETERS = frozenset(
    {
        *("client_id", "client_secret", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "request"),
        *("request_uri", "response_mode", "response_type", "scope", "state"),
    }
)


class Members:
    """The members of one configuration. Every reader raises InvalidConfiguration."""

    def __init__(self, config: Mapping[str, Any], known: Collection[str]) -> None:
        self._config = config
        for name in config:
            if name not in known:
                raise InvalidConfiguration(name, f"Not a member here; these are: {', '.join(sorted(known))}.")

    def text(self, name: str) -> str | None:
        """A text, None where it is left out."""
        value = self._config.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARACTERS or not value.isprintable():
            raise InvalidConfiguration(name, f"A text of 1 to {MAX_TEXT_CHARACTERS} printable characters.")
        return value

    def required_text(self, name: str) -> str:
        """A text that must be there."""
        value = self.text(name)
        if value is None:
            raise InvalidConfiguration(name, "Missing.")
        return value

    def url(self, name: str) -> str | None:
        """An absolute address without query and fragment, None where it is left out."""
        value = self.text(name)
        if value is None:
            return None
        parts = split_url(value)
        if parts is None or "?" in value:
            raise InvalidConfiguration(name, "An absolute address such as https://id.example.com, without a query.")
        return value

    def required_url(self, name: str) -> str:
        """An address that must be there."""
        value = self.url(name)
        if value is None:
            raise InvalidConfiguration(name, "Missing: an absolute address such as https://id.example.com.")
        return value

    def choice(self, name: str, among: Collection[str]) -> str | None:
        """One of some words, None where it is left out."""
        value = self.text(name)
        if value is not None and value not in among:
            raise InvalidConfiguration(name, f"One of {', '.join(sorted(among))}.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, empty where it is left out."""
        value = self._config.get(name)
        if value is None:
            return ()
        if (
            not isinstance(value, list | tuple)
            or len(value) > _MAX_ITEMS
            or not all(isinstance(item, str) and 0 < len(item) <= MAX_TEXT_CHARACTERS for item in value)
        ):
            raise InvalidConfiguration(name, f"A list of at most {_MAX_ITEMS} texts.")
        return tuple(value)

    def scopes(self, default: tuple[str, ...]) -> tuple[str, ...]:
        """What is asked for. Spec: RFC 6749 §3.3."""
        asked = self.texts("scopes") or default
        for scope in asked:
            if not all("!" <= character <= "~" and character not in '"\\' for character in scope):
                raise InvalidConfiguration("scopes", "Each scope by itself, without blanks, quotes and backslashes.")
        return asked

    def parameters(self) -> dict[str, str]:
        """What else the authorization request carries."""
        value = self._config.get("parameters")
        if value is None:
            return {}
        if not isinstance(value, Mapping) or len(value) > _MAX_ITEMS:
            raise InvalidConfiguration("parameters", f"An object of at most {_MAX_ITEMS} texts.")
        for name, text in value.items():
            if not isinstance(name, str) or not isinstance(text, str) or len(text) > MAX_TEXT_CHARACTERS:
                raise InvalidConfiguration("parameters", "Names and values are texts.")
            if name in _OUR_PARAMETERS:
                raise InvalidConfiguration("parameters", f"{name} is set by each sign-in and by nobody else.")
        return dict(value)
