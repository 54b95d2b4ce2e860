"""OAuth's and OpenID Connect's endpoints, one line each here and there."""

from app.foundation.routing import Router
from app.oauth import (
    authorize,
    consent_pages,
    discovery,
    initiate,
    introspect,
    logos,
    logout,
    protected_resource,
    revoke,
    token,
    userinfo,
)

OAUTH_ROUTERS: tuple[Router, ...] = (
    token.router,
    authorize.router,
    authorize.resumption,
    consent_pages.router,
    userinfo.router,
    discovery.router,
    introspect.router,
    revoke.router,
    logout.router,
    logout.form_router,
    logos.router,
    initiate.router,
    protected_resource.router,
)
