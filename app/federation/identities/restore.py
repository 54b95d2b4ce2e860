"""What a restored backup means for identities: links stay, and no session is left that rests on one.

A link that was taken away since is there again. Nobody can know which, and whoever owns it can take it away again.
"""

from app.foundation.restoration import dropped

RULES = dropped("federated_sessions")
