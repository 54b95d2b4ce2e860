"""The options of `create-client` that say what a client needs to sign people in."""

from typing import Annotated, Any

import typer

from app.clients.metadata import ApplicationType
from app.foundation.errors import ServiceError
from app.protocols.jose.algorithms import Algorithm


def _uri(flag: str, words: str) -> Any:
    return typer.Option(flag, metavar="U", help=words, show_default=False)


PostLogoutRedirectURIs = Annotated[
    list[str] | None, _uri("--post-logout-redirect-uri", "Where a browser may be sent after sign-out; repeatable.")
]
BackchannelLogoutURI = Annotated[
    str | None, _uri("--backchannel-logout-uri", "Which address is told, server to server, that a session ended.")
]
FrontchannelLogoutURI = Annotated[
    str | None, _uri("--frontchannel-logout-uri", "Which page of the client's the browser loads at sign-out.")
]
LogoURI = Annotated[str | None, _uri("--logo-uri", "A picture of it, fetched once and shown from this service.")]
ClientURI = Annotated[str | None, _uri("--client-uri", "Its home page.")]
PolicyURI = Annotated[str | None, _uri("--policy-uri", "Its privacy policy.")]
TosURI = Annotated[str | None, _uri("--tos-uri", "Its terms of service.")]
InitiateLoginURI = Annotated[str | None, _uri("--initiate-login-uri", "Where others may have it begin a sign-in.")]
AllowedOrigins = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-origin", metavar="O", help="Whose scripts may read OAuth answers; repeatable.", show_default=False
    ),
]
Application = Annotated[
    ApplicationType | None,
    typer.Option(
        "--application-type", metavar="T", help="web or native (the default of --public).", show_default=False
    ),
]
IDTokenAlgorithm = Annotated[
    Algorithm, typer.Option("--id-token-alg", metavar="A", help=f"Signs its ID tokens: {', '.join(Algorithm)}.")
]
WithoutPKCE = Annotated[
    bool, typer.Option("--without-pkce", help="It cannot do PKCE; then its requests need a nonce. Recorded.")
]
Trusted = Annotated[bool, typer.Option("--trusted", help="You vouch for it: people are not asked for their consent.")]
VerifiedPublisher = Annotated[
    str | None,
    typer.Option(
        "--verified-publisher",
        metavar="N",
        help="Whose it is: you have checked it, and people read it where they are asked for consent.",
        show_default=False,
    ),
]
DefaultMaxAge = Annotated[
    int | None,
    typer.Option("--default-max-age", metavar="N", help="Sign-ins older than this many seconds do not do."),
]
ClaimMappings = Annotated[
    list[str] | None,
    typer.Option("--claim", metavar="NAME=EXPRESSION", help="A further claim of its tokens; repeatable."),
]


def claims_of(given: list[str] | None) -> dict[str, str]:
    """The mappings that `--claim` says. Raises ServiceError."""
    pairs = [text.partition("=") for text in given or ()]
    if any(not (name and mark and expression) for name, mark, expression in pairs):
        raise ServiceError("--claim takes a name and an expression: department=user.attributes.department.")
    return {name.strip(): expression.strip() for name, _, expression in pairs}
