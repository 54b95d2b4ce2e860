"""API keys: long-lived credentials of machines, which speak for a user or for a client.

A *key* has an *owner*, an audience and scopes. It never opens more than its owner holds at that audience at the moment
of its use, and counts only while its owner does. Its text is shown once and kept as a hash. *Rotating* makes another
key with the same rights beside it; both count until the overlap ends.
"""
