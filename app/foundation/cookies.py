"""The cookies of the browser transport: their names, how they are read and how they are set.

`__Host-` makes the browser refuse a cookie of that name that is not Secure, names a Domain or comes from another
host, so that no sibling subdomain can plant one. Spec: RFC 6265bis §4.1.3.2.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.foundation.browser import is_session_value


class Cookies:
    """The cookies' names and attributes in one deployment.

    `secure` is false on plain-http loopback in development alone: there the names go without prefix and Secure.
    """

    def __init__(self, *, secure: bool) -> None:
        prefix = "__Host-" if secure else ""
        self.secure = secure
        self.session = f"{prefix}session"
        self.access = f"{prefix}access"
        self.refresh = f"{prefix}refresh"
        self.visitor = f"{prefix}csrf"
        self.challenge = f"{prefix}challenge"
        self.sign_in = f"{prefix}signin"
        self.flow = f"{prefix}flow"
        self.trusted = f"{prefix}trusted"
        self.accounts = f"{prefix}accounts"
        self.provider = f"{prefix}provider"
        self.factor = f"{prefix}factor"

    def sessions(self, connection: HTTPConnection) -> tuple[str, ...]:
        """Every session cookie of the request that has our shape; whatever else bears the name counts as none."""
        return tuple(value for value in values_of(connection, self.session) if is_session_value(value))

    def find(self, connection: HTTPConnection, name: str) -> str | None:
        """The value of a cookie that came exactly once, else None."""
        values = values_of(connection, name)
        return values[0] if len(values) == 1 else None

    def put(self, response: Response, name: str, value: str, *, max_age_seconds: int | None) -> None:
        """Set a cookie; without an age it ends with the browser."""
        response.set_cookie(
            name, value, max_age=max_age_seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def clear(self, response: Response) -> None:
        """Take every cookie of ours away."""
        for name in (self.session, self.access, self.refresh, self.visitor, self.challenge):
            response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")


def values_of(connection: HTTPConnection, name: str) -> list[str]:
    """The values that came under a name, as they stand in the Cookie headers. Spec: RFC 6265 §4.2.1."""
    pairs = (pair.partition("=") for header in connection.headers.getlist("cookie") for pair in header.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]
