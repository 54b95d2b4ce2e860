"""What the routes of second factors read and answer."""

from typing import Any

from pydantic import BaseModel, Field

from app.factors.passkey.service import ListedPasskey
from app.foundation.body import Body
from app.foundation.clock import rfc3339


class TOTPState(BaseModel):
    """Whether an authenticator app is enrolled. Its secret is never shown again."""

    enrolled: bool
    confirmed_at: str | None


class TOTPSecret(BaseModel):
    """What an app needs, shown once: a Base32 secret, its URI, and that as a QR code in SVG."""

    secret: str
    provisioning_uri: str
    qr_svg: str


class CodeBody(Body):
    """A code of the app."""

    code: str = Field(max_length=256)


class NewRecoveryCodes(BaseModel):
    """Recovery codes, shown once; empty where there are some already."""

    recovery_codes: list[str]


class RecoveryCodesState(BaseModel):
    """How many recovery codes are left, never which."""

    remaining: int
    created_at: str | None


class CreationOptions(BaseModel):
    """What `navigator.credentials.create` takes."""

    publicKey: dict[str, Any]  # noqa: N815 — the name that WebAuthn gives it


class NewPasskey(Body):
    """What `create` returned, as `PublicKeyCredential.toJSON()` gives it, and what to call it."""

    credential: dict[str, Any]
    name: str = Field(default="Passkey", max_length=200)


class PasskeyName(Body):
    """What to call a passkey."""

    name: str = Field(min_length=1, max_length=200)


class PasskeyBody(BaseModel):
    """A passkey. `synced`: its key may be on several devices; `backed_up`: it is."""

    id: str
    name: str
    synced: bool
    backed_up: bool
    created_at: str
    last_used_at: str | None

    @classmethod
    def of(cls, passkey: ListedPasskey) -> "PasskeyBody":
        """A passkey as JSON."""
        return cls(
            id=str(passkey.id),
            name=passkey.name,
            synced=passkey.is_synced,
            backed_up=passkey.is_backed_up,
            created_at=rfc3339(passkey.created_at),
            last_used_at=rfc3339(passkey.last_used_at),
        )


class RegisteredPasskey(PasskeyBody):
    """A new passkey, with recovery codes where it is the first second factor."""

    recovery_codes: list[str] = []


class PasskeyList(BaseModel):
    """Every passkey of the caller, oldest first."""

    items: list[PasskeyBody]
    next: None = None
