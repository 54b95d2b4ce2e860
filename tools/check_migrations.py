"""Run Alembic's `upgrade head` on an embedded engine, then have it compare what came out with the models."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from app.foundation.engines.instance import Instance


def main() -> int:
    """Returns the exit status: 1 when a migration fails or the models have moved on without one."""
    with tempfile.TemporaryDirectory(prefix="migrations-") as folder, Instance(Path(folder), durable=False) as instance:
        environment = {**os.environ, "DATABASE__URL": instance.start().database_url}
        for arguments in (["upgrade", "head"], ["upgrade", "head"], ["current"], ["check"]):
            command = [sys.executable, "-m", "alembic", *arguments]
            if subprocess.run(command, env=environment, check=False).returncode != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
