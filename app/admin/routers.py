"""The admin API's nouns, one line each."""

from app.admin import audit_logs, signing_keys
from app.admin.routing import AdminRouter

ADMIN_ROUTERS: tuple[AdminRouter, ...] = (signing_keys.router, audit_logs.router)
from app.admin import signing_keys, stats
from app.admin.routing import AdminRouter

ADMIN_ROUTERS: tuple[AdminRouter, ...] = (
    signing_keys.router,
    stats.router,
)
"""Every noun's router, in the order of the documentation."""
