import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from app.foundation.engines.lock import Engines

HOLDER = Path(__file__).with_name("holder.py")


class Holder:
    """An instance in another process."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, HOLDER, data_dir, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def said(self) -> dict:
        line = self.process.stdout.readline()
        assert line, "the holder ended without a word"
        return json.loads(line)

    def end(self) -> int:
        self.process.communicate(timeout=60)
        return self.process.returncode


async def query(engines: Engines | dict, statement: str):
    url = engines["database_url"] if isinstance(engines, dict) else engines.database_url
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def wait_until_gone(*pids: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[pid for pid in pids if is_alive(pid)]}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def give_to_nobody(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    shutil.chown(folder, 65534, 65534)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
