"""The ways a user proves who they are. Each factor is a stranger to the others."""
