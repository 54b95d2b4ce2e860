"""What can be wrong with a user."""

from app.foundation.errors import Conflict, Forbidden, NotFound, Unprocessable


class NameRefused(Unprocessable):
    """The text cannot be a person's name."""

    code, title = "invalid_name", "This cannot be a name"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, faults=[("/name", reason)])


class AttributeRefused(Unprocessable):
    """An attribute's name or value is refused."""

    code, title = "invalid_attribute", "This attribute cannot be set"


class SearchRefused(Unprocessable):
    """No index serves this search."""

    code, title = "search_refused", "This cannot be searched"


class EmailTaken(Conflict):
    """Another user has this address."""

    code, title = "email_taken", "This address already has an account"


class UserNotFound(NotFound):
    """No user is known by this."""

    code, title = "user_not_found", "There is no such user"


class SignUpClosed(Forbidden):
    """Accounts are made by an operator here, not by their owners."""

    code, title = "sign_up_closed", "Sign-up is closed"
