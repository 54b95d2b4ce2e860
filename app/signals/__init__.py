"""The feed of revocations to other services, one for each audience. Spec: contract section 8.

A *batch* says what was revoked between two numbers of the registry, as a token that we sign. A *snapshot* is all that
still matters. A *follower* is a service that reads batches; its *cursor* is where it stands. Each process signs a
batch once for all its followers of an audience, so a thousand of them cost as many writes to a socket and no more.
"""
