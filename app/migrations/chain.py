"""Which schema this release stands on, told by the names of its migrations: nothing heavy is imported to know it."""

from pathlib import Path

_VERSIONS = Path(__file__).parent / "versions"
REVISION_DIGITS = 4


def newest_revision() -> str:
    """The revision of this release: the files of the chain are named by it."""
    return max(path.name[:REVISION_DIGITS] for path in _VERSIONS.glob("[0-9]*.py"))
