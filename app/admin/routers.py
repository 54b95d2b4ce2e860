"""The admin API's nouns, one line each here and there."""

from app.admin.audit_logs import router as audit_logs
from app.admin.oauth_clients import router as oauth_clients
from app.admin.routing import AdminRouter
from app.admin.signing_keys import router as signing_keys
from app.admin.stats import router as stats
from app.admin.user_holdings import router as user_holdings
from app.admin.users import router as users

ADMIN_ROUTERS: tuple[AdminRouter, ...] = (
    users,
    user_holdings,
    roles.router,
    permissions.router,
    groups.router,
    audiences.router,
    signing_keys,
    oauth_clients,
    audit_logs,
    stats,
)
"""Every noun's router, in the order of the documentation."""
