"""The settings, and who else on this machine can read the secrets among them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from app.cli.diagnosis.finding import Finding, fault, ok, warning
from app.foundation.environment import Fault, SettingsError, faults_of, read, secret_files
from app.foundation.errors import StartupRefused
from app.settings import Settings, refusals
from app.signing_keys.pem import read_given_key

_SETTINGS = "settings"
_FILES = "secret files"
_ENV_FILE = Path(".env")
_OTHERS = stat.S_IROTH | stat.S_IWOTH
_GROUP = stat.S_IRGRP | stat.S_IWGRP


def examine_settings() -> tuple[Settings | None, list[Finding]]:
    """The settings of the environment and `.env`, or None where they cannot be read, and what is wrong with them.

    Settings that can be read and must not start a process in production are returned beside their faults.
    """
    warnings: list[str] = []
    try:
        settings = Settings(**read(Settings, os.environ, _ENV_FILE, warnings.append))
    except SettingsError as error:
        return None, [_refused(each) for each in error.faults]
    except ValidationError as error:
        return None, [_refused(each) for each in faults_of(Settings, error)]
    except (OSError, UnicodeDecodeError):
        words = f"{_ENV_FILE.absolute()} cannot be read."
        return None, [fault(_SETTINGS, words, "Give this account the right to read it, and save it as UTF-8.")]
    findings = [_refused(each) for each in refusals(settings)]
    findings += _keys_given(settings)
    if not findings:
        findings.append(ok(_SETTINGS, f"{settings.environment.value}, issuer {settings.public_url}"))
    # Modes of files are looked at by themselves.
    told = (text for text in warnings if not text.partition(":")[0].endswith("_FILE"))
    findings += [warning(_SETTINGS, text, "Remove it, or correct its name.") for text in told]
    return settings, findings


def examine_files(kept: Path | None) -> list[Finding]:
    """The files that hold secrets. `kept` is where a development instance keeps its own, if there is one."""
    try:
        named, holders = secret_files(Settings, os.environ, _ENV_FILE)
    except (OSError, UnicodeDecodeError):
        return []
    strict = os.environ.get("ENVIRONMENT") != "development"
    findings = [*_modes(named, strict=True), *_modes(holders, strict=strict)]
    if kept is not None and kept.exists():
        findings += _modes([kept], strict=True)
    return findings or [ok(_FILES, "no secret lies open to other accounts of this machine")]


def _modes(paths: list[Path], *, strict: bool) -> Iterator[Finding]:
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            # That it cannot be read is told among the settings.
            continue
        found = f"{path} holds secrets, and its mode is {mode:04o}: "
        cure = f"chmod {0o600 if mode & stat.S_IWUSR else 0o400:o} {path}"
        if mode & _OTHERS and strict:
            yield fault(_FILES, f"{found}every account of this machine may open it.", cure)
        elif mode & (_OTHERS | _GROUP):
            yield warning(_FILES, f"{found}other accounts of this machine may open it.", cure)


def _keys_given(settings: Settings) -> list[Finding]:
    try:
        read_given_key(settings.jwt)
    except StartupRefused as error:
        return [fault(_SETTINGS, str(error), "Correct JWT__PRIVATE_KEY_PEM, or leave it out: keys are then made here.")]
    return []


def _refused(each: Fault) -> Finding:
    return fault(_SETTINGS, f"{each.variable}: {each.words}", f"For example: {each.example}")
