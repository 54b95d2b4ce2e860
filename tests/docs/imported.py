"""The program `auth-service` for pages that call it dozens of times: imported once, and forked for each call.

    python -m tests.docs.imported SOCKET

Importing it takes two seconds, and a page calls it up to eight times. Each call is a process of its own, with its
caller's arguments, environment, folder and files; only what it has imported was imported before. What goes on running
is started as usual.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

from app.cli.main import COMMANDS, main

# -I and -S: the caller is a few lines, and nothing of its environment matters to it.
_CALLER = """#!{python} -IS
import json, os, socket, sys
arguments = [*sys.argv[1:], "--data-dir", {data_dir!r}]
if arguments[0] in ("dev", "serve", "worker"):
    os.execv({python!r}, [{python!r}, "-m", "app.cli", *arguments])
with socket.socket(socket.AF_UNIX) as program:
    program.connect({address!r})
    socket.send_fds(program, [b"x"], [0, 1, 2])
    program.sendall(json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode())
    program.shutdown(socket.SHUT_WR)
    ended = program.recv(1)
sys.exit(ended[0] if ended else 255)
"""


def write_caller(path: Path, *, address: str, data_dir: Path) -> None:
    """Write what readers call `auth-service` to a file. It works on `data_dir`."""
    path.write_text(_CALLER.format(python=sys.executable, address=address, data_dir=str(data_dir)))
    path.chmod(0o755)


def serve(address: str) -> None:
    """Run a command in a process of its own for whoever calls, until killed."""
    gc.disable()
    for module in COMMANDS.values():
        importlib.import_module(module)
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen(64)
        # Whoever sees it can call.
        Path(f"{address}.new").rename(address)
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _run(caller)
            caller.close()


def _run(caller: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(caller, 1, 3)
    with caller.makefile("rb") as asked:
        arguments, folder, environment = json.loads(asked.read())
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["auth-service", *arguments]
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 — as the interpreter would
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    caller.sendall(bytes([status]))
    # The imported modules need no tidying up.
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
