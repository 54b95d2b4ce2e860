"""What a restored backup means for clients' own tokens. Not before is a whole second."""

from app.foundation.restoration import RestoreRule

_REFUSE_OLDER = """
    UPDATE oauth_clients
    SET tokens_not_before = date_trunc('second', $1::timestamptz) + interval '1 second', version = version + 1
    """

RULES = (RestoreRule(table="oauth_clients", statement=_REFUSE_OLDER),)
