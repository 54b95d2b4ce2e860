"""The addresses of sign-in by other providers, one line each."""

from app.brokering import identity_pages, pages, routes
from app.brokering.saml import pages as saml
from app.foundation.routing import Router

BROKERING_ROUTERS: tuple[Router, ...] = (
    routes.router,
    pages.router,
    saml.router,
    saml.open_router,
    identity_pages.router,
)
