"""Write the secrets of the compose file into its volumes, once; what is there already stays.

Arguments: the folder that the database reads, the folder that the service reads, the user id of the service.
"""

import base64
import os
import secrets
import sys
from pathlib import Path


def keep(path: Path, text: str, owner: int) -> str:
    """Write a file that its owner alone may read, unless it exists; return what it holds."""
    if not path.exists():
        # Renamed when complete: whoever is interrupted here leaves no half of a secret.
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            os.fchown(descriptor, owner, owner)
            os.fsync(descriptor)
        unfinished.rename(path)
        print(f"made {path}")
    return path.read_text()


def main(database: Path, service: Path, owner: int) -> None:
    """Make the database's password, the address that holds it, and the encryption key."""
    password = keep(database / "password", secrets.token_urlsafe(32), os.getuid())
    keep(service / "database_url", f"postgresql+asyncpg://auth:{password}@postgres:5432/auth", owner)
    keep(service / "encryption_keys", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(), owner)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
