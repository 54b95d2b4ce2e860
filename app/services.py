"""Everything one process is made of, once `app.wiring` has joined it."""

from dataclasses import dataclass, fields

from app.account.export import AccountExport
from app.account.history import SignInHistory
from app.account.keys.service import OwnAPIKeys
from app.account.mfa.service import OwnSecondFactors
from app.account.service import Account
from app.admin.configuration.service import Configuration
from app.admin.counting import Counting
from app.apikeys.parts import APIKeyParts
from app.audiences.define import AudienceRegistration
from app.audiences.rotate_keys import SigningKeyRotation
from app.audiences.service import Audiences
from app.audit.anchors import Anchors
from app.audit.erasure import AuditErasure
from app.audit.event import SYSTEM
from app.audit.search import AuditSearch
from app.audit.service import AuditLog
from app.brokering.parts import BrokeringParts
from app.brokering.saml.parts import SAMLSignInParts
from app.clients.authenticate import ClientAuthentication
from app.clients.service import Clients
from app.factors.password.hashing import PasswordHasher
from app.factors.password.lockout import Lockout
from app.factors.password.service import Passwords
from app.factors.service import Factors
from app.federation.providers.parts import FederationParts
from app.flows.service import Flows
from app.foundation.cache import Cache
from app.foundation.clock import Clock
from app.foundation.cookies import Cookies
from app.foundation.csrf import CSRF
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.fresh import FreshAuth
from app.foundation.http.outbound import Outbound
from app.foundation.idempotency.service import IdempotentAnswers
from app.foundation.language import Languages
from app.foundation.mail.composition import Composer
from app.foundation.mail.outbox import Outbox
from app.foundation.mail.sent import SentMails
from app.foundation.origin import Origin
from app.foundation.pages import Pages
from app.foundation.pagination import Cursors
from app.foundation.parts import Parts
from app.foundation.principal import ResolverSlot
from app.foundation.purge import Purge
from app.foundation.restoration import Restoration
from app.foundation.secrets import random_bytes
from app.grants.by_cookie import BrowserInspection
from app.grants.inspect import GrantInspection
from app.grants.issue import GrantIssuance
from app.grants.parts import CodeParts
from app.grants.rotate import RefreshTokenRotation
from app.groups.service import Groups
from app.hosted.parts import HostedParts
from app.lifecycle.administration import UserAdministration
from app.lifecycle.administrator import AdministratorCreation
from app.lifecycle.closing import AccountClosing
from app.lifecycle.ending import EverythingEnding
from app.lifecycle.impersonation import Impersonation
from app.lifecycle.second_factors import SecondFactors
from app.lifecycle.service import UserLifecycle
from app.limits.service import Limits
from app.links.service import Links, WasntMe
from app.login.email_code import EmailCodeSignIn
from app.login.passkey import PasskeySignIn
from app.login.second_step import SecondStep
from app.login.service import Login
from app.login.sign_in import SignIn
from app.oauth.authorization_parts import AuthorizationParts
from app.oauth.introspection import Introspection
from app.oauth.parts import OAuthParts
from app.oauth.registry_parts import RegistryParts
from app.principals.service import BearerPrincipals
from app.recovery.interrupt import OwnersInterruption
from app.recovery.service import PasswordRecovery
from app.registration.email_change import EmailChange
from app.registration.service import Registration
from app.registration.verification import EmailVerification
from app.revocation.feed import Feed
from app.revocation.follow import Follower
from app.revocation.keep_filter import FilterKeeper
from app.revocation.lookup import RevocationLookup
from app.revocation.service import Revocations
from app.revocation.wake import Wake
from app.roles.assign import RoleAssignments
from app.roles.catalogue import PermissionCatalogue
from app.roles.define import RoleRegistration
from app.roles.service import Roles
from app.sessions.service import Sessions
from app.settings import Settings, refuse_demo_data
from app.signals.service import RevocationBatches
from app.signing_keys.service import SigningKeys
from app.signing_keys.withdraw import KeyWithdrawal
from app.stepup.actions import ActionTokens
from app.stepup.consume import ActionTokenConsumption
from app.stepup.reauthenticate import Reauthentication
from app.transfer.export import UserExport
from app.transfer.imports import UserImports
from app.trust.service import TrustedBrowsers
from app.users.service import Users
from app.webhooks.parts import WebhookParts


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Services:
    """Everything one process is made of. `open` before use, `close` after."""

    settings: Settings
    clock: Clock
    db: Database
    cache: Cache
    limits: Limits
    keyring: Keyring
    outbound: Outbound
    languages: Languages
    pages: Pages
    hosted: HostedParts
    audit: AuditLog
    revocations: Revocations
    wake: Wake
    feed: Feed
    filter_keeper: FilterKeeper
    lookup: RevocationLookup
    follower: Follower
    anchors: Anchors
    batches: RevocationBatches
    composer: Composer
    outbox: Outbox
    sent_mails: SentMails
    keys: SigningKeys
    key_rotation: SigningKeyRotation
    key_withdrawal: KeyWithdrawal
    audiences: Audiences
    audience_registration: AudienceRegistration
    roles: Roles
    role_registration: RoleRegistration
    role_assignments: RoleAssignments
    groups: Groups
    permissions: PermissionCatalogue
    clients: Clients
    client_authentication: ClientAuthentication
    api_keys: APIKeyParts
    oauth: OAuthParts
    authorization: AuthorizationParts
    codes: CodeParts
    links: Links
    flows: Flows
    wasnt_me: WasntMe
    users: Users
    user_imports: UserImports
    user_export: UserExport
    user_administration: UserAdministration
    impersonation: Impersonation
    hasher: PasswordHasher
    passwords: Passwords
    lockout: Lockout
    factors: Factors
    second_factors: SecondFactors
    sessions: Sessions
    issuance: GrantIssuance
    rotation: RefreshTokenRotation
    inspection: GrantInspection
    lifecycle: UserLifecycle
    closing: AccountClosing
    ending: EverythingEnding
    verification: EmailVerification
    email_change: EmailChange
    recovery: PasswordRecovery
    owners_interruption: OwnersInterruption
    administrators: AdministratorCreation
    registration: Registration
    sign_in: SignIn
    login: Login
    reauthentication: Reauthentication
    action_tokens: ActionTokens
    action_token_consumption: ActionTokenConsumption
    second_step: SecondStep
    passkey_sign_in: PasskeySignIn
    email_code_sign_in: EmailCodeSignIn
    principals: BearerPrincipals
    browsers: BrowserInspection
    introspection: Introspection
    resolver: ResolverSlot
    account: Account
    trusted_browsers: TrustedBrowsers
    sign_in_history: SignInHistory
    account_export: AccountExport
    own_second_factors: OwnSecondFactors
    fresh: FreshAuth
    idempotent_answers: IdempotentAnswers
    own_api_keys: OwnAPIKeys
    counting: Counting
    configuration: Configuration
    cursors: Cursors
    cookies: Cookies
    csrf: CSRF
    purge: Purge
    restoration: Restoration
    audit_search: AuditSearch
    webhooks: WebhookParts
    federation: FederationParts
    brokering: BrokeringParts
    saml: SAMLSignInParts
    registry: RegistryParts
    audit_erasure: AuditErasure

    def each(self) -> tuple[object, ...]:
        """Every service, for `provide`; those of a feature's parts one by one."""
        held = [getattr(self, item.name) for item in fields(self)]
        return tuple(service for part in held for service in (part.each() if isinstance(part, Parts) else (part,)))

    async def open(self) -> None:
        """Connect, set the clock, load keys and registries, and apply what the settings declare.

        Raises StartupRefused when the settings do not fit the data, DatabaseUnavailable.
        """
        await self.db.open()
        await self.clock.measure(self.db.time)
        await self.keys.load()
        async with self.db.transaction() as tx:
            refuse_demo_data(self.settings, present=await self.users.any_demo(tx))
            await self.role_registration.ensure_built_in(tx, actor=SYSTEM, origin=startup_origin())
        declared = [audience.definition() for audience in self.settings.audiences.declared]
        await self.audience_registration.declare(declared, actor=SYSTEM, origin=startup_origin())
        await self.audiences.refresh()
        await self.roles.refresh()
        await self.oauth.origins.refresh()

    async def close(self) -> None:
        """Let go of connections and threads."""
        self.hasher.close()
        await self.federation.connectors.close()
        await self.outbound.close()
        await self.cache.close()
        await self.db.close()


def startup_origin() -> Origin:
    """The origin of what a process does by itself at its start."""
    return Origin(ip=None, user_agent=None, trace_id=random_bytes(16).hex())
