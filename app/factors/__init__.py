"""The ways a user proves who they are. Each factor is a stranger to the others; `factor` is their contract.

A challenge is made for one act and used once. What was proven adds up to `amr` and `acr` by `protocols.assurance`.
"""
