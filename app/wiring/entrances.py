"""The ways in: each first factor's sign-in, and the steps that all of them share."""

from dataclasses import dataclass
from datetime import timedelta

from app.factors.email_code.service import EmailCodes
from app.factors.password.lockout import Lockout
from app.factors.password.service import Passwords
from app.grants.issue import GrantIssuance
from app.lifecycle.address_proof import AddressProof
from app.lifecycle.factor_set import FactorSet
from app.lifecycle.interruption import Interruption
from app.lifecycle.second_factors import SecondFactors
from app.login.email_code import EmailCodeSignIn
from app.login.passkey import PasskeySignIn
from app.login.second_step import SecondStep
from app.login.service import Login
from app.login.sign_in import SignIn
from app.sessions.service import Sessions
from app.trust.service import TrustedBrowsers
from app.wiring.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrances:
    """What signs people in."""

    sign_in: SignIn
    login: Login
    second_step: SecondStep
    passkey_sign_in: PasskeySignIn
    email_code_sign_in: EmailCodeSignIn

    @classmethod
    def build(
        cls,
        ground: Ground,
        *,
        passwords: Passwords,
        lockout: Lockout,
        sessions: Sessions,
        issuance: GrantIssuance,
        factors: FactorSet,
        second_factors: SecondFactors,
        email_codes: EmailCodes,
        interruption: Interruption,
        trusted: TrustedBrowsers,
    ) -> "Entrances":
        """Build them. Every first factor ends in the same `SignIn`."""
        settings, db, clock, audit = ground.settings, ground.db, ground.clock, ground.audit
        audiences, users, limits = ground.audiences, ground.users, ground.limits
        verified = settings.requires_verified_email
        sign_in = SignIn(
            db,
            clock,
            audit=audit,
            roles=ground.roles,
            sessions=sessions,
            grants=issuance,
            trusted=trusted,
            identities=ground.identities,
            required_acr=settings.mfa.required_acr,
            mailed_second=settings.mfa.email_code and settings.delivers_mail,
            token_lifetime=timedelta(seconds=settings.mfa.token_seconds),
        )
        return cls(
            sign_in=sign_in,
            login=Login(
                db,
                audit=audit,
                audiences=audiences,
                passwords=passwords,
                sign_in=sign_in,
                limits=limits,
                lockout=lockout,
                verified_email_required=verified,
                hides_existence=settings.hides_existence,
            ),
            second_step=SecondStep(
                db,
                clock,
                audit=audit,
                audiences=audiences,
                users=users,
                factors=factors,
                second_factors=second_factors,
                sign_in=sign_in,
                trusted=trusted,
                limits=limits,
                max_tries=settings.mfa.tries_per_sign_in,
            ),
            passkey_sign_in=PasskeySignIn(
                db,
                audit=audit,
                audiences=audiences,
                users=users,
                passkeys=factors.passkeys,
                sign_in=sign_in,
                limits=limits,
                verified_email_required=verified,
            ),
            email_code_sign_in=EmailCodeSignIn(
                db,
                audit=audit,
                audiences=audiences,
                users=users,
                codes=email_codes,
                address_proof=AddressProof(
                    users, passwords, factors.registry, ground.identities, interruption, required=verified
                ),
                limits=limits,
                sign_in=sign_in,
            ),
        )
