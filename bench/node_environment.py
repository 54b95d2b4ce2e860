"""The node peers' environment: made on first use by `npm ci` from their lock; kept until the lock changes."""

from bench.peer_environment import PeersMissing
from bench.processes import PROJECT
from tools.npm_install import NodeEnvironment, NodeMissing, installed

SOURCE = PROJECT / "bench" / "peers" / "node"


def node_environment() -> NodeEnvironment:
    """Make the environment unless it stands. Raises PeersMissing where node or npm is absent, or npm fails."""
    try:
        return installed(SOURCE, "bench-node")
    except NodeMissing as error:
        raise PeersMissing(str(error)) from error
