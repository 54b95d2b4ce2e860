"""Refusals of passwords that people choose."""

from collections.abc import Sequence

from app.factors.password.rules import Fault
from app.foundation.errors import Unprocessable


class PasswordRefused(Unprocessable):
    """The chosen password breaks a rule. Each fault has a stable code beside its words."""

    code, title = "password_refused", "Choose another password"

    def __init__(self, faults: Sequence[Fault], *, pointer: str) -> None:
        super().__init__(" ".join(fault.words for fault in faults))
        self.faults = tuple(faults)
        self.extensions["errors"] = [
            {"pointer": pointer, "code": fault.code.value, "detail": fault.words} for fault in faults
        ]
