"""The one reader of form bodies: urlencoded, one value for each name. Its size is bounded before, at the edge."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from app.foundation.errors import BadRequest, ServiceError

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 100


class NotAForm(ServiceError):
    """The body is not declared as a form. Spec: RFC 9110 §15.5.16."""

    status, code, title = 415, "form_expected", f"The body must be {FORM_TYPE}"


class InvalidForm(BadRequest):
    """The form cannot be read, or names a field twice. Spec: RFC 6749 §3.1."""

    code, title = "invalid_form", "The form is not right"


async def read_form(request: Request) -> dict[str, str]:
    """A request's fields; an empty body has none. Raises NotAForm, InvalidForm, and what the edge raises."""
    content = await request.body()
    types = request.headers.getlist("content-type")
    if len(types) != 1 or types[0].partition(";")[0].strip().lower() != FORM_TYPE:
        raise NotAForm
    return parse_form(content)


def parse_form(content: bytes) -> dict[str, str]:
    """The fields of an urlencoded body. Raises InvalidForm, which quotes nothing."""
    try:
        pairs = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(content),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise InvalidForm("The form is not urlencoded UTF-8, or has too many fields.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidForm("A field stands there twice.")
    if any("\0" in value for value in fields.values()):
        raise InvalidForm("A field holds a character that no form has.")
    return fields
