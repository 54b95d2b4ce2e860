"""The settings of what foundation reaches: database, cache, encryption, HTTP, other origins, and who looks on."""

import re
from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from app.foundation.encryption import parse_keys

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def issuer_url(text: str) -> str:
    """The issuer as it is compared: as a whole string. Raises ValueError for what others might write differently."""
    parts = _parts(text)
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("it may have no query and no fragment")
    if text.endswith("/"):
        raise ValueError("it must not end in a slash: it is compared as a whole string")
    if re.fullmatch(r"(?:/[\w.~-]+)*", parts.path, re.ASCII) is None or {".", ".."} & set(parts.path.split("/")):
        raise ValueError("its path is not in its plain form")
    return text


def web_origin(text: str) -> str:
    """An origin as browsers send it. Raises ValueError; `*` and `null` would let any page in."""
    parts = _parts(text)
    if parts.path or "?" in text or "#" in text:
        raise ValueError("an origin has no path and no slash at its end, such as https://app.example.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("an origin is https, save on loopback")
    return text


def _parts(text: str) -> SplitResult:
    # urlsplit drops some characters silently, so nothing odd may reach it.
    if re.fullmatch(r"[!-~]+", text) is None:
        raise ValueError("it must be plain ASCII without spaces")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("its host must be a plain name or address in lower case") from None
    if parts.scheme not in ("https", "http") or not text.startswith(f"{parts.scheme}://"):
        raise ValueError("it must be a full address such as https://auth.example.com, no pattern")
    if "@" in parts.netloc:
        raise ValueError("it may hold no user and no password")
    host, colon, port = parts.netloc.rpartition(":") if re.search(r":\d*$", parts.netloc) else (parts.netloc, "", "")
    if _HOST.fullmatch(host) is None:
        raise ValueError("its host must be a plain name or address in lower case")
    default = {"https": "443", "http": "80"}[parts.scheme]
    if colon and (not port or port == default or port.startswith("0") or int(port) > 65_535):
        raise ValueError("its port is not right; the scheme's own port is left out")
    return parts


class DatabaseSettings(BaseModel):
    """The `DATABASE__…` settings."""

    model_config = ConfigDict(frozen=True)

    url: SecretStr = Field(
        description=(
            "Where PostgreSQL is (15 to 18), as postgresql+asyncpg://user:password@host:port/name. What follows a `?` "
            "is for the driver; across a network ask for encryption, as in ?sslmode=verify-full."
        ),
        examples=["postgresql+asyncpg://auth@localhost:5432/auth"],
    )
    pool_size: int = Field(
        default=10, ge=1, le=500, description="Connections that each process keeps in each of its two pools."
    )
    answer_seconds: float = Field(
        default=1.1,
        ge=0.1,
        le=30,
        description=(
            "How long a request waits for one statement or a new connection, and two thirds of it for its turn; then "
            "it is answered 503. By default every answer comes within two seconds while the database is silent."
        ),
    )

    @model_validator(mode="after")
    def _is_postgresql(self) -> Self:
        if not self.url.get_secret_value().startswith("postgresql+asyncpg://"):
            raise ValueError("it must begin with postgresql+asyncpg://")
        return self


class RedisSettings(BaseModel):
    """The `REDIS__…` settings."""

    model_config = ConfigDict(frozen=True)

    url: SecretStr | None = Field(
        default=None,
        description=(
            "Where Valkey or Redis is, as redis://, rediss:// or unix://. May be left out with one web process; "
            "more than one need it."
        ),
        examples=["redis://localhost:6379/0"],
    )

    answer_seconds: float = Field(
        default=0.08,
        gt=0,
        le=10,
        description="A request waits this long for Valkey; after five in vain none waits until it answers again.",
    )

    @model_validator(mode="after")
    def _is_redis(self) -> Self:
        if self.url is not None and not self.url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("it must begin with redis://, rediss:// or unix://")
        return self


class EncryptionSettings(BaseModel):
    """The `ENCRYPTION__…` settings."""

    model_config = ConfigDict(frozen=True)

    keys: SecretStr = Field(
        description=(
            "Keys that protect what is encrypted in the database, comma-separated, each 32 random bytes in base64url. "
            "The first encrypts, all decrypt. Lost keys cannot be replaced: keep a copy apart from the database's. "
            "Make one: python3 -c 'import base64,os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
        ),
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        parse_keys(self.keys.get_secret_value())
        return self

    def parsed(self) -> tuple[bytes, ...]:
        """The keys themselves, the encrypting one first."""
        return parse_keys(self.keys.get_secret_value())


def web_address(text: str) -> str:
    """An address that a page may link to. Raises ValueError for any scheme but http and https."""
    _parts(text)
    return text


class CORSSettings(BaseModel):
    """The `CORS__…` settings."""

    model_config = ConfigDict(frozen=True)

    origins: tuple[Annotated[str, AfterValidator(web_origin)], ...] = Field(
        default=(),
        description="Origins whose scripts may call this service from a browser, comma-separated, each exact.",
        examples=["https://app.example.com,https://admin.example.com"],
    )


class MetricsSettings(BaseModel):
    """The `METRICS__…` settings."""

    model_config = ConfigDict(frozen=True)

    port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Show Prometheus metrics at /metrics on this port of their own. Left out: nowhere. `dev` sets it.",
        examples=["9464"],
    )
    worker_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="The same for `auth-service worker`, which shows its own. Left out: nowhere.",
        examples=["9465"],
    )
    host: str = Field(
        default="127.0.0.1",
        description="The address of these ports. They ask for no password: let nobody but your Prometheus reach it.",
        examples=["10.0.0.5"],
    )

    @field_validator("host")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            ip_address(value)
        except ValueError:
            raise ValueError("it must be an address such as 127.0.0.1, 0.0.0.0 or ::1") from None
        return value


class TelemetrySettings(BaseModel):
    """The `TELEMETRY__…` settings."""

    model_config = ConfigDict(frozen=True)

    otlp_endpoint: str | None = Field(
        default=None,
        description=(
            "Send OpenTelemetry spans to this collector by OTLP over HTTP; /v1/traces is added. What "
            "OTEL_EXPORTER_OTLP_ENDPOINT is elsewhere, and that variable is not read here. Left out: nothing is sent."
        ),
        examples=["http://otel-collector:4318"],
    )
    otlp_headers: SecretStr | None = Field(
        default=None,
        description="Headers for the collector, comma-separated, as name=value.",
        examples=["authorization=Bearer the-collector's-token"],
    )
    service_name: str = Field(
        default="auth-service", min_length=1, max_length=100, description="`service.name` of the spans."
    )
    sample_ratio: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description=(
            "The part of all requests that become spans, chosen by trace id. A caller may ask for its request to be "
            "left out, not for it to be included."
        ),
    )

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_collector(cls, value: str | None) -> str | None:
        if value is not None:
            parts = _parts(value)
            if parts.query or parts.fragment or "?" in value or "#" in value:
                raise ValueError("it may have no query and no fragment")
        return value

    @field_validator("otlp_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _headers(value.get_secret_value())
        return value

    def headers(self) -> dict[str, str]:
        """The collector's headers by name."""
        return _headers(self.otlp_headers.get_secret_value()) if self.otlp_headers else {}


def _headers(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if any(re.fullmatch(r"\s*[\w-]+\s*", name) is None or not equals for name, equals, _ in pairs):
        raise ValueError("it must be name=value, or several of them between commas")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
