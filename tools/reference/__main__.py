"""Write `docs/reference/`, or with --check say whether it is what the code says."""

import sys
from pathlib import Path

from tools.reference.pages import PAGES

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
_CURE = "run: .venv/bin/python -m tools.reference"


def main(*, check: bool) -> int:
    """Returns the exit status: with `check` 1 where a page is not what the code says."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(name))
        if not check:
            path.write_text(text)
    if check and stale:
        print(f"docs/reference is not what the code says ({', '.join(stale)}); {_CURE}")
        return 1
    print(f"docs/reference is what the code says: {len(PAGES)} pages{f', {len(stale)} written' if stale else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
