"""What happens to passwords."""

from typing import ClassVar

from app.audit.event import Event


class PasswordChanged(Event):
    """A user's password was replaced by another."""

    type: ClassVar[str] = "password.changed"
