"""How many files this process may hold open: each follower of the feed and each slow receiver is a socket."""

import resource

MOST = 65_536


def raise_limit() -> int:
    """Raise the soft limit as far as the hard one allows, up to MOST; return what it is now.

    Processes started from this one inherit it. It is never lowered.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
