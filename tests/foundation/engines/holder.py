"""Runs an instance in a process of its own: prints where it is, waits for the end of its input or a signal.

python holder.py DATA_DIR [--attach] [--as-nobody] [--no-namespaces]
"""

import ctypes
import json
import os
import signal
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from app.foundation.engines.errors import EngineError
from app.foundation.engines.instance import Instance, attach_or_start


def forbid_namespaces() -> None:
    """Let `unshare` fail for this process and its children, as a container's seccomp profile does (x86-64)."""
    unshare, eperm = 272, 0x00050000 | 1
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in [
            (0x20, 0, 0, 0),  # load the number of the system call
            (0x15, 0, 1, unshare),  # unless it is unshare, skip one
            (0x06, 0, 0, eperm),
            (0x06, 0, 0, 0x7FFF0000),  # allow
        ]
    )
    code = ctypes.create_string_buffer(program)
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, filter_, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def main() -> None:
    data_dir, options = Path(sys.argv[1]), sys.argv[2:]
    if "--as-nobody" in options:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    if "--no-namespaces" in options:
        forbid_namespaces()
    # A background job of a shell without job control starts with SIGINT ignored; the tests send it on purpose.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if "--attach" in options:
            with attach_or_start(data_dir) as engines:
                say(role="any", database_url=engines.database_url, redis_url=engines.redis_url)
                sys.stdin.read()
        else:
            with Instance(data_dir, durable=False) as instance:
                engines = instance.start()
                say(
                    role="holder",
                    database_url=engines.database_url,
                    redis_url=engines.redis_url,
                    postgres=instance.postgres.engine.pid,
                    valkey=instance.valkey.engine.pid,
                )
                sys.stdin.read()
    except EngineError as error:
        say(role="failed", error=str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        say(role="interrupted")


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


main()
