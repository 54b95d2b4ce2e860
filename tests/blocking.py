"""Finds calls that would hold up the event loop, and with it every other request of the process.

While a `Detector` watches, a call of the service's that may wait (for a file, a socket, a name, a sleep) or compute
for long (a password hash, a new key) raises where it is made, if an event loop runs there. What is done in a thread
is not found: that is where it belongs.
"""

import contextlib
import traceback
from collections.abc import Iterator

import blockbuster.blockbuster
from blockbuster import BlockBuster, BlockBusterFunction, BlockingError

# What takes long without waiting for anybody, and questions to a name server.
LONG_WORK = (
    "nacl.bindings.crypto_pwhash_alg",
    "nacl.bindings.crypto_pwhash_str_alg",
    "nacl.bindings.crypto_pwhash_str_verify",
    "app.signing_keys.material.generate_rsa",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "subprocess.Popen.__init__",
    "builtins.open",
    "io.open",
)
# Whether a lock is free is a matter of what other threads do at the moment: the same code would be found now and then.
TIMING = ("threading.Lock.acquire", "threading.Lock.acquire_lock")
# Questions to the local file system that no request repeats: a pool that grows looks for a file of passwords and for
# certificates, once for each connection; FastAPI asks where an endpoint's source is, once; a traceback quotes lines.
LOCAL_LOOKS = (
    ("asyncpg/connect_utils.py", "_parse_connect_arguments"),
    ("inspect.py", "getsourcefile"),
    ("linecache.py", "updatecache"),
)


class Detector:
    """Watches what is called below the service's own code. `hits` are the places, also where nobody let it out."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self._guard = BlockBuster("app")
        for name in TIMING:
            del self._guard.functions[name]
        # The log is a stream that whoever runs the service takes in; a test keeps it in a file.
        self._guard.functions["io.TextIOWrapper.write"].can_block_in("logging/__init__.py", "emit")
        for name in LONG_WORK:
            self._guard.functions[name] = BlockBusterFunction(None, name, scanned_modules="app")

        for function in self._guard.functions.values():
            for file, name in LOCAL_LOOKS:
                function.can_block_in(file, name)

    @contextlib.contextmanager
    def watching(self) -> Iterator["Detector"]:
        """Watch for as long as the block lasts."""
        hits = self.hits

        class Noted(BlockingError):
            """What is raised at the place; it is noted too, for a caller may catch it."""

            def __init__(self, func: str) -> None:
                super().__init__(func)
                hits.append(f"{func}\n{''.join(traceback.format_stack(limit=12)[:-2])}")

        usual = blockbuster.blockbuster.BlockingError
        blockbuster.blockbuster.BlockingError = Noted
        self._guard.activate()
        try:
            yield self
        finally:
            self._guard.deactivate()
            blockbuster.blockbuster.BlockingError = usual
