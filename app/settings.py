"""Composes each feature's section into the settings of the service, and reads them.

Read by entry points and the wiring alone; services receive the values that they need.
"""

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.account.settings import AccountSettings
from app.apikeys.settings import APIKeySettings
from app.audiences.settings import AudienceSettings
from app.audit.settings import AuditSettings
from app.brokering.settings import FederationSettings
from app.factors.email_code.settings import EmailCodeSettings
from app.factors.password.settings import PasswordSettings
from app.federation.providers.settings import GoogleSettings, IdentityProviderSettings, KeycloakSettings
from app.flows.settings import FlowSettings
from app.foundation.environment import Fault, SettingsError, faults_of, read, variables
from app.foundation.http_settings import HTTPSettings
from app.foundation.mail.settings import SMTPSettings
from app.foundation.page_settings import PagesSettings
from app.foundation.purge_settings import PurgeSettings
from app.foundation.settings import (
    CORSSettings,
    DatabaseSettings,
    EncryptionSettings,
    MetricsSettings,
    RedisSettings,
    TelemetrySettings,
    is_loopback,
    issuer_url,
)
from app.grants.settings import OAuthSettings, PasswordGrantSettings, TokenSettings
from app.limits.settings import LimitSettings
from app.links.settings import LinkSettings
from app.login.settings import MFASettings
from app.logout.settings import LogoutSettings
from app.sessions.settings import SessionSettings
from app.signing_keys.settings import KeySettings, PublicationSettings
from app.stepup.settings import StepUpSettings
from app.users.settings import AccountsSettings
from app.webhooks.settings import WebhookSettings


class Environment(StrEnum):
    """What kind of deployment this is."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class JWTSettings(KeySettings, TokenSettings):
    """The `JWT__…` settings."""


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        network = ip_network(value)
    except ValueError:
        raise ValueError("a proxy is named by a network such as 10.0.0.0/8 or 192.0.2.7/32") from None
    if network.prefixlen == 0:
        raise ValueError("to trust everyone would let anyone forge where a request comes from")
    return network


class Settings(BaseSettings):
    """Every setting. Built from keyword arguments alone; `load_settings` reads the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: Environment = Field(
        default=Environment.PRODUCTION, description="`production`; only the command `dev` sets `development`."
    )
    public_url: Annotated[str, AfterValidator(issuer_url)] = Field(
        description=(
            "What this service is called from outside, the issuer of its tokens: an https origin with an optional "
            "path, without a slash at its end. Never taken from a request. http only on loopback."
        ),
        examples=["https://auth.example.com"],
    )
    trusted_proxies: tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)], ...] = Field(
        default=(),
        description="Networks of the proxies in front, comma-separated; X-Forwarded-For counts from them alone.",
        examples=["10.0.0.0/8,192.0.2.7/32"],
    )
    database: DatabaseSettings
    redis: RedisSettings = RedisSettings()
    encryption: EncryptionSettings
    http: HTTPSettings = HTTPSettings()
    cors: CORSSettings = CORSSettings()
    metrics: MetricsSettings = MetricsSettings()
    smtp: SMTPSettings = SMTPSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    pages: PagesSettings = PagesSettings()
    jwt: JWTSettings = JWTSettings()
    signing: PublicationSettings = PublicationSettings()
    sessions: SessionSettings = SessionSettings()
    accounts: AccountsSettings = AccountsSettings()
    account: AccountSettings = AccountSettings()
    passwords: PasswordSettings = PasswordSettings()
    email_codes: EmailCodeSettings = EmailCodeSettings()
    step_up: StepUpSettings = StepUpSettings()
    mfa: MFASettings = MFASettings()
    password_grant: PasswordGrantSettings = PasswordGrantSettings()
    oauth: OAuthSettings = OAuthSettings()
    links: LinkSettings = LinkSettings()
    flows: FlowSettings = FlowSettings()
    google: GoogleSettings = GoogleSettings()
    keycloak: KeycloakSettings = KeycloakSettings()
    identity_providers: IdentityProviderSettings = IdentityProviderSettings()
    federation: FederationSettings = FederationSettings()
    webhooks: WebhookSettings = WebhookSettings()
    logout: LogoutSettings = LogoutSettings()
    limits: LimitSettings = LimitSettings()
    audiences: AudienceSettings = AudienceSettings()
    audit: AuditSettings = AuditSettings()
    purge: PurgeSettings = PurgeSettings()
    api_keys: APIKeySettings = APIKeySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing is read behind the caller's back."""
        return (init_settings,)

    @property
    def delivers_mail(self) -> bool:
        """Whether a mail reaches anybody: by SMTP, or in development at `/dev/mail`."""
        return self.smtp.host is not None or not self.is_production

    @property
    def is_production(self) -> bool:
        """Whether the rules of production hold."""
        return self.environment is Environment.PRODUCTION

    @property
    def host(self) -> str:
        """The host of PUBLIC_URL, by which people know this service."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def serves_password_form(self) -> bool:
        """Whether `/token` is there."""
        return self.password_grant.is_served(production=self.is_production)

    @property
    def requires_verified_email(self) -> bool:
        """Whether an address must be confirmed before its first sign-in."""
        return self.hides_existence or self.accounts.require_verified_email

    @property
    def hides_existence(self) -> bool:
        """Whether sign-up answers alike for everyone."""
        return self.accounts.hides_existence(production=self.is_production)


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    env_file: Path | None = Path(".env"),
    processes: int = 1,
    warn: Callable[[str], None] = lambda _: None,
) -> Settings:
    """The settings of a process, checked for its environment.

    `environ` is the process's own by default and goes before `env_file`, which may be absent. `processes` is how
    many web processes are to share the work. `warn` hears what is unwise. Raises SettingsError.
    """
    values = read(Settings, os.environ if environ is None else environ, env_file, warn)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise SettingsError(faults_of(Settings, error)) from None
    faults = refusals(settings, processes=processes)
    if faults:
        raise SettingsError(faults)
    return settings


def refusals(settings: Settings, *, processes: int = 1) -> list[Fault]:
    """Why these settings must not start `processes` web processes, in production."""
    if not settings.is_production:
        return []
    faults = []
    parts = urlsplit(settings.public_url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        faults.append(_fault("PUBLIC_URL", "In production the issuer is https: tokens and passwords travel to it."))
    if processes > 1 and settings.redis.url is None:
        faults.append(_fault("REDIS__URL", "More than one web process needs Valkey or Redis, which they share."))
    if settings.smtp.username is not None and settings.smtp.password is None:
        faults.append(_fault("SMTP__PASSWORD", "SMTP__USERNAME needs a password."))
    if settings.hides_existence and settings.smtp.host is None:
        words = (
            "Hiding who has an account needs mail: without it nobody could verify an address and log in. It is on by "
            "default in production: set SMTP__HOST, or set this to false."
        )
        faults.append(Fault(variable="ACCOUNTS__HIDE_EXISTENCE", words=words, example="ACCOUNTS__HIDE_EXISTENCE=false"))
    elif settings.requires_verified_email and settings.smtp.host is None:
        words = "Without mail nobody could confirm an address and log in: set SMTP__HOST, or set this to false."
        fault = Fault(
            variable="ACCOUNTS__REQUIRE_VERIFIED_EMAIL", words=words, example="ACCOUNTS__REQUIRE_VERIFIED_EMAIL=false"
        )
        faults.append(fault)
    return faults


def refuse_demo_data(settings: Settings, *, present: bool) -> None:
    """Refuse to run in production on a database that holds the demo's accounts. Raises SettingsError.

    Their passwords are public. `present` is what the database says.
    """
    if present and settings.is_production:
        words = "This database holds demo data, whose passwords anyone can read. Use another database in production."
        raise SettingsError([_fault("DATABASE__URL", words)])


def _fault(name: str, words: str) -> Fault:
    variable = next(variable for variable in variables(Settings) if variable.name == name)
    return Fault(variable=name, words=words, example=variable.example)
