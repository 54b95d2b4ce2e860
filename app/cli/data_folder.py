"""The data folder of a development instance: its engines, its logs, and what it must remember between runs."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.foundation.engines.errors import EngineError
from app.foundation.secrets import random_id, random_secret

PROJECT = Path(__file__).parents[2]
_NOTES_NAME = "secrets.json"
LOGS_NAME = "logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What an instance remembers. The key decrypts what its database holds: without it the data is lost.

    `public_url` is that of the last run. `prepared` names what has been done to the database: the schema's
    revision and the month it was last looked after. `demo` says that the demo data were written. `clients` holds the
    credentials of the examples: for each, what stands in its environment.
    """

    encryption_key: str
    admin_password: str
    public_url: str = "http://localhost:8000"
    prepared: str = ""
    demo: bool = False
    clients: dict[str, dict[str, str]] = field(default_factory=dict)


class DataFolder:
    """One data folder."""

    def __init__(self, path: Path | None) -> None:
        self.path = (path or default_path()).absolute()

    @property
    def exists(self) -> bool:
        """Whether an instance was ever made here."""
        return (self.path / "engines").exists() or self._notes_path.exists()

    def log(self, name: str) -> Path:
        """Where a service of this instance writes its log."""
        folder = self.path / LOGS_NAME
        self._make_private()
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / f"{name}.log"

    def read(self) -> Notes | None:
        """The notes, or None when there are none yet. Raises EngineError when they cannot be read."""
        try:
            return Notes(**json.loads(self._notes_path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise EngineError(
                f"{self._notes_path} cannot be read ({error}).\n"
                "It holds the key to this instance's data: restore it, or start afresh with `dev --reset`."
            ) from error

    def make(self) -> Notes:
        """New notes with fresh secrets, written."""
        notes = Notes(encryption_key=random_secret(), admin_password=random_id())
        self.write(notes)
        return notes

    def write(self, notes: Notes) -> None:
        """Replace the notes, whole or not at all: a torn file would lose the key."""
        self._make_private()
        unfinished = self._notes_path.with_suffix(".unfinished")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(notes), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._notes_path)

    def forget(self) -> None:
        """Remove the notes and the logs; the engines' data are removed by `engines.reset`."""
        self._notes_path.unlink(missing_ok=True)
        for log in (self.path / LOGS_NAME).glob("*.log*"):
            log.unlink()

    def _make_private(self) -> None:
        """Make the folder for us alone. By itself: parents that `mkdir` makes on the way are open to all."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def secrets(self) -> Path:
        """The file of the notes."""
        return self._notes_path

    @property
    def _notes_path(self) -> Path:
        return self.path / _NOTES_NAME


def default_path() -> Path:
    """`.data` in the project, so that every command finds the instance of `make run`; else where we stand."""
    return (PROJECT if (PROJECT / "pyproject.toml").is_file() else Path.cwd()) / ".data"
