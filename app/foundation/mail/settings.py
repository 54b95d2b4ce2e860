"""Settings of mail: the section `SMTP__…`."""

from email.utils import parseaddr
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from app.foundation.settings import is_loopback

IMPLICIT_TLS_PORT = 465


class TLSMode(StrEnum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


def _sender(text: str) -> str:
    address = parseaddr(text)[1]
    if not text.isprintable() or address.count("@") != 1 or " " in address:
        raise ValueError("it must be an address, or a name and an address in angle brackets")
    return text


class SMTPSettings(BaseModel):
    """The mail server that takes our mails."""

    model_config = ConfigDict(frozen=True)

    host: str | None = Field(
        default=None,
        description=(
            "The mail server that takes our mails. Left out: `dev` shows them at /dev/mail; in production they wait."
        ),
        examples=["smtp.example.com"],
    )
    port: int = Field(default=587, ge=1, le=65535, description="Its port; 465 means TLS from the first byte.")
    # The name outside is SMTP__FROM; the word is Python's own.
    from_: Annotated[str, AfterValidator(_sender)] | None = Field(
        default=None,
        description=(
            "The sender, an address alone or with a name; its domain should allow the server to send for it (SPF, "
            "DKIM). Left out: no-reply at the host of PUBLIC_URL."
        ),
        examples=["Example accounts <no-reply@example.com>"],
    )
    username: str | None = Field(default=None, description="The account there, if it wants one.", examples=["auth"])
    password: SecretStr | None = Field(default=None, description="That account's password.")
    tls: TLSMode | None = Field(
        default=None,
        description=(
            "`starttls`, which is then required; `implicit`; or `none`, for a server that is as near as this machine. "
            "Left out: starttls, implicit at port 465, none on loopback."
        ),
        examples=["starttls"],
    )
    timeout_seconds: float = Field(
        default=20, ge=1, le=300, description="How long each step of a delivery may take before it is tried later."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        is_open = self.host is not None and self.tls_mode is TLSMode.NONE and not is_loopback(self.host)
        if self.username is not None and is_open:
            raise ValueError("without TLS the password would travel for all to read")
        return self

    @property
    def tls_mode(self) -> TLSMode:
        """How the connection is protected, with the default that fits host and port."""
        if self.tls is not None:
            return self.tls
        if self.port == IMPLICIT_TLS_PORT:
            return TLSMode.IMPLICIT
        return TLSMode.NONE if self.host is not None and is_loopback(self.host) else TLSMode.STARTTLS
