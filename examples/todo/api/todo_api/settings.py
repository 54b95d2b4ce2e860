"""What the API is told by its environment, or by a file `.env` beside it."""

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The variables, by their names in capitals.

    With KEYCLOAK_REALM the issuer is `<KEYCLOAK_SERVER_URL>/realms/<KEYCLOAK_REALM>`. Without it KEYCLOAK_SERVER_URL is
    the issuer itself, an auth-service.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)

    keycloak_server_url: str = Field(pattern=r"^https?://")
    keycloak_realm: str = Field(default="", pattern=r"^[^/?#\s]*$")
    keycloak_client_id: str = Field(min_length=1)
    keycloak_client_secret: SecretStr | None = None
    keycloak_audience: str = ""
    """What `aud` must name; KEYCLOAK_CLIENT_ID for Keycloak and `todo-api` for auth-service, unless given."""
    verification: Literal["local", "introspection"] = "local"
    """By the issuer's keys, without asking; or by asking the issuer about each token (RFC 7662)."""
    introspection_cache_seconds: float = Field(default=1, ge=0, le=60)
    database_url: str = "sqlite+aiosqlite:///todo.db"
    cors_origins: str = "http://localhost:3000"
    """Origins of pages that may call, with commas between them."""

    @field_validator("keycloak_server_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("keycloak_client_secret")
    @classmethod
    def _none_for_nothing(cls, secret: SecretStr | None) -> SecretStr | None:
        return secret if secret is not None and secret.get_secret_value() else None

    @model_validator(mode="after")
    def _can_introspect(self) -> Self:
        if self.verification == "introspection" and self.keycloak_client_secret is None:
            raise ValueError(
                "VERIFICATION=introspection needs KEYCLOAK_CLIENT_SECRET, of the client KEYCLOAK_CLIENT_ID"
            )
        return self

    @property
    def issuer_url(self) -> str:
        """What `iss` is in the tokens."""
        realm = f"/realms/{self.keycloak_realm}" if self.keycloak_realm else ""
        return f"{self.keycloak_server_url}{realm}"

    @property
    def audience(self) -> str:
        """What `aud` must name."""
        return self.keycloak_audience or (self.keycloak_client_id if self.keycloak_realm else "todo-api")

    @property
    def secret(self) -> str | None:
        """The client's secret."""
        return None if self.keycloak_client_secret is None else self.keycloak_client_secret.get_secret_value()
