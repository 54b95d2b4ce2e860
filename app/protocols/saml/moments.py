"""Moments as SAML writes them. Spec: SAML 2.0 Core §1.3.3: XML Schema's dateTime, in UTC."""

import re
from datetime import UTC, datetime, timedelta

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?(?:Z|\+00:00)")
_DURATION = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?")


class MomentRefused(ValueError):
    """A text is no moment in UTC."""


def read_moment(text: str | None) -> datetime | None:
    """A moment; None where nothing is said. Raises MomentRefused for what is none: nothing is guessed."""
    if text is None:
        return None
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise MomentRefused("a moment is not written as 2026-01-31T12:00:00Z")
    try:
        whole = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        raise MomentRefused("a moment names a day or an hour that there is not") from None
    return whole + timedelta(seconds=float(found[2] or 0))


def read_duration(text: str | None) -> timedelta | None:
    """A duration of days and less, such as PT6H; None for anything else, which metadata may say too."""
    found = _DURATION.fullmatch((text or "").strip())
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def write_moment(moment: datetime) -> str:
    """A moment to the second, as a request of ours says it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
