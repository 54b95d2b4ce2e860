"""Which addresses of a client this service may call or show."""

from app.audiences import rules as audience_rules

MAX_URI_CHARACTERS = 512


def is_address(uri: str) -> bool:
    """Whether a text is an https URI, or http on loopback, without user and fragment.

    What is called is judged again at each call, by where its name leads then.
    """
    return len(uri) <= MAX_URI_CHARACTERS and audience_rules.is_resource(uri)
