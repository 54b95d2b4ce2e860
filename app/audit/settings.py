"""The settings of the log."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator


class AuditSettings(BaseModel):
    """The `AUDIT__…` settings."""

    model_config = ConfigDict(frozen=True)

    retention_days: int | None = Field(
        default=None,
        ge=30,
        le=36_600,
        description=(
            "Months of the log are dropped whole once all of their entries are older. Without it everything is kept."
        ),
        examples=[730],
    )
    head_seconds: int = Field(
        default=60, ge=1, le=86_400, description="The end of the audit chain is signed this often while entries come."
    )
    head_entries: int = Field(
        default=1000, ge=1, le=1_000_000, description="It is also signed after so many entries, however fast they come."
    )
    anchor_file: Path | None = Field(
        default=None,
        description=(
            "A file to which each signed head is appended, one a line. It belongs where whoever can write to the "
            "database cannot write: a mount that only grows, another host. `verify-audit-log` reads it."
        ),
        examples=["/var/lib/auth-anchors/heads"],
    )
    anchor_url: str | None = Field(
        default=None,
        description="An address to which each signed head is sent by POST as JSON; any 2xx answer means it is kept.",
        examples=["https://anchors.example.com/auth-service"],
    )

    @field_validator("anchor_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("it must be a full address such as https://anchors.example.com/auth-service")
        return value
