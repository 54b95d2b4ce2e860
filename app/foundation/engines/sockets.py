"""The folder of the sockets. A socket's path may have 107 bytes, and data folders can be deeper than that.

So the sockets live in a short, private folder under the runtime or temporary folder, whose path is noted in the
data folder. What is noted is used again only while it is still a folder of ours that nobody else can enter: the
temporary folder is shared, and whoever owns a socket's folder can stand in for the server.
"""

import os
import stat
import tempfile
from pathlib import Path

from app.foundation.engines import postgres, valkey
from app.foundation.engines.errors import EngineError
from app.foundation.engines.privileges import Form, Identity

NOTE_NAME = "sockets"
_PREFIX = "auth-"
# The shortest limit of the systems we know (macOS: 103; Linux: 107), less the longest name in the folder.
_MAX_BYTES = 103 - len(f"/{postgres.SOCKET_NAME}")


def open_sockets(folder: Path, identity: Identity) -> Path:
    """The instance's socket folder, empty and private. Raises EngineError when no short place can be written."""
    noted = noted_sockets(folder, identity)
    if noted is not None and len(os.fsencode(noted)) <= _MAX_BYTES:
        _empty(noted)
        return noted
    for parent in _parents(identity):
        try:
            made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError:
            continue
        if len(os.fsencode(made)) > _MAX_BYTES:
            made.rmdir()
            continue
        (folder / NOTE_NAME).write_text(str(made))
        if identity.form is Form.NOBODY:
            os.chown(made, identity.uid, identity.gid)
        return made
    raise EngineError(
        f"No folder for the sockets: none of {', '.join(map(str, _parents(identity)))} can be written "
        f"or is short enough ({_MAX_BYTES} bytes).\nSet TMPDIR to a short folder that you may write."
    )


def noted_sockets(folder: Path, identity: Identity) -> Path | None:
    """The noted socket folder, if it is still ours alone."""
    try:
        noted = Path((folder / NOTE_NAME).read_text())
        state = noted.lstat()
    except (OSError, ValueError):
        return None
    is_private = stat.S_ISDIR(state.st_mode) and not state.st_mode & 0o077 and state.st_uid == identity.uid
    return noted if is_private and noted.name.startswith(_PREFIX) else None


def close_sockets(folder: Path, identity: Identity) -> None:
    """Remove the sockets, their folder and the note."""
    noted = noted_sockets(folder, identity)
    if noted is not None:
        _empty(noted)
        try:
            noted.rmdir()
        except OSError:
            # Something that we did not make lies in it; we remove only our own.
            return
    (folder / NOTE_NAME).unlink(missing_ok=True)


def _empty(sockets: Path) -> None:
    for name in (postgres.SOCKET_NAME, f"{postgres.SOCKET_NAME}.lock", valkey.SOCKET_NAME):
        (sockets / name).unlink(missing_ok=True)


def _parents(identity: Identity) -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # A runtime folder is its user's alone, so `nobody` could not enter it.
    own = [Path(runtime)] if Path(runtime).is_absolute() and identity.form is not Form.NOBODY else []
    return [*own, Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 — made by mkdtemp, checked
