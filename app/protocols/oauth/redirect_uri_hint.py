"""In what a redirect URI that is not registered differs from one that is, in words for who has to mend it."""

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit


def difference(presented: str, registered: Sequence[str]) -> str | None:
    """The one thing that is different, where it is only one; None where it is more, or cannot be read."""
    return next((words for uri in registered if (words := _difference(presented, uri)) is not None), None)


def _difference(presented: str, registered: str) -> str | None:
    if presented == registered + "/":
        return "there is one / too many at the end"
    if presented + "/" == registered:
        return "the / at the end is missing"
    if presented.lower() == registered.lower():
        return "capital and small letters differ"
    try:
        came, known = urlsplit(presented), urlsplit(registered)
        differing = [name for name, is_other in _parts(came, known) if is_other]
    except ValueError:
        return None
    return f"only the {differing[0]} is different" if len(differing) == 1 else None


def _parts(came: SplitResult, known: SplitResult) -> list[tuple[str, bool]]:
    return [
        ("scheme", came.scheme != known.scheme),
        ("host", came.hostname != known.hostname or "@" in came.netloc),
        ("port", came.port != known.port),
        ("path", came.path != known.path),
        ("query", came.query != known.query),
        ("fragment", came.fragment != known.fragment),
    ]
