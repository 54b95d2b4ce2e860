"""The factors of this deployment, together and each by itself."""

from dataclasses import dataclass

from app.audit.service import AuditLog
from app.factors.factor import Factor
from app.factors.passkey.service import Passkeys
from app.factors.recovery_code.service import RecoveryCodes
from app.factors.service import Factors
from app.factors.totp.service import TOTP, TryLimit
from app.foundation.clock import Clock
from app.foundation.encryption import Keyring
from app.protocols.relying_party import RelyingParty


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSet:
    """`registry` verifies by any factor; the others are for what each can do beyond proving."""

    registry: Factors
    totp: TOTP
    passkeys: Passkeys
    recovery_codes: RecoveryCodes

    @classmethod
    def build(
        cls,
        *first: Factor,
        clock: Clock,
        keyring: Keyring,
        audit: AuditLog,
        public_url: str,
        name: str,
        totp_tries: int,
    ) -> "FactorSet":
        """The second factors beside those that come `first`. `name` and `public_url` are what people know us by."""
        party = RelyingParty.of(public_url)
        totp = TOTP(clock, keyring, audit, issuer_name=party.id, limit=TryLimit(tries=totp_tries))
        passkeys = Passkeys(clock, party, service_name=name)
        codes = RecoveryCodes(clock)
        registry = Factors([*first, totp, passkeys, codes])
        return cls(registry=registry, totp=totp, passkeys=passkeys, recovery_codes=codes)
