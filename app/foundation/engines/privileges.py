"""As whom the engines run.

PostgreSQL refuses to run as root. Root therefore starts it in a user namespace of its own that maps nobody: inside
it the process sees itself as an unprivileged user and has lost root's powers, outside it still owns root's files, so
nothing needs another owner. Where the kernel forbids such namespaces (most containers), the engines run as the user
`nobody` and their folders are given to it.
"""

import ctypes
import os
import pwd
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.foundation.engines.errors import EngineError

_CLONE_NEWUSER = 0x10000000
_OVERFLOW_ID = 65534
# Loaded before any fork: a child between fork and exec must not load libraries.
_libc = ctypes.CDLL(None, use_errno=True)


class Form(StrEnum):
    """The ways to be unprivileged."""

    OURSELVES = "ourselves"
    NAMESPACE = "namespace"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that the engines run as. `uid` and `gid` are what their files belong to, seen from outside."""

    form: Form
    uid: int
    gid: int

    @classmethod
    def ours(cls) -> "Identity":
        """The user that we are."""
        return cls(Form.OURSELVES, os.geteuid(), os.getegid())

    def assume(self) -> None:
        """Enter the namespace, if that is our form. Runs in the child, between fork and exec."""
        if self.form is Form.NAMESPACE and _libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")

    def own(self, folder: Path) -> None:
        """See that a folder of ours, with all it holds, belongs to this user.

        Root takes over what root or `nobody` made, never what an ordinary user did: that user could not use it any
        more. Raises EngineError.
        """
        owner = folder.lstat().st_uid
        if owner == self.uid:
            return
        if self.form is Form.OURSELVES or owner not in {0, _nobody()[0]}:
            raise EngineError(
                f"{folder} belongs to another user (uid {owner}).\n"
                "Run as that user, or choose another folder with --data-dir."
            )
        for place, _, files in os.walk(folder):
            os.chown(place, self.uid, self.gid, follow_symlinks=False)
            for name in files:
                os.chown(os.path.join(place, name), self.uid, self.gid, follow_symlinks=False)  # noqa: PTH118

    def reach(self, folder: Path) -> None:
        """See that this user can walk down to a folder of its own. Raises EngineError naming what stands in the way."""
        if self.form is Form.OURSELVES:
            return
        if folder.parent.stat().st_uid == 0 and not self._may_enter(folder.parent):
            # Entering is not reading: the names and the files inside stay closed to others.
            folder.parent.chmod(folder.parent.stat().st_mode & 0o777 | 0o011)
        for parent in reversed(folder.parents):
            if not self._may_enter(parent):
                raise EngineError(
                    f"PostgreSQL refuses to run as root, and without root's powers {parent} may not be entered.\n"
                    "Run as the user it belongs to, or choose a folder elsewhere with --data-dir."
                )

    def _may_enter(self, folder: Path) -> bool:
        state = folder.stat()
        if state.st_uid == self.uid:
            return bool(state.st_mode & 0o100)
        return bool(state.st_mode & (0o010 if state.st_gid == self.gid else 0o001))


def unprivileged() -> Identity:
    """Find out as whom this process can start the engines."""
    if os.geteuid() != 0:
        return Identity.ours()
    if _namespaces_work():
        return Identity(Form.NAMESPACE, 0, 0)
    return Identity(Form.NOBODY, *_nobody())


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return _OVERFLOW_ID, _OVERFLOW_ID
    return entry.pw_uid, entry.pw_gid


def _namespaces_work() -> bool:
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child == 0:
        os._exit(_libc.unshare(_CLONE_NEWUSER) != 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
