"""What goes wrong with the engines, said so that the reader can mend it."""

from pathlib import Path

OWN_SERVERS = """To use servers of your own instead, set both:
  DATABASE__URL=postgresql+asyncpg://auth:password@localhost:5432/auth
  REDIS__URL=redis://localhost:6379/0"""


class EngineError(Exception):
    """An engine cannot be found, started or reached. The message is plain words with a cure."""


def unusable(cause: str) -> EngineError:
    """The error for an engine that cannot run here: its cause, and the two settings that do without it."""
    return EngineError(f"{cause.rstrip()}\n{OWN_SERVERS}")


def tail(log: Path, *, since_bytes: int = 0, lines: int = 8) -> str:
    """The last lines that an engine wrote after `since_bytes`, indented to stand below a sentence."""
    try:
        with log.open("rb") as file:
            file.seek(since_bytes)
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])
