"""The admin API's nouns, one line each here and there."""

from app.admin.api_keys import router as api_keys
from app.admin.audiences import router as audiences
from app.admin.audit_logs import router as audit_logs
from app.admin.ending import audiences as ended_audiences
from app.admin.ending import clients as ended_clients
from app.admin.ending import users as ended_users
from app.admin.flows import router as flows
from app.admin.groups import router as groups
from app.admin.identity_providers import router as identity_providers
from app.admin.oauth_clients import router as oauth_clients
from app.admin.permissions import router as permissions
from app.admin.roles import router as roles
from app.admin.routing import AdminRouter
from app.admin.saml_keys import router as saml_keys
from app.admin.signing_keys import router as signing_keys
from app.admin.stats import router as stats
from app.admin.user_holdings import router as user_holdings
from app.admin.user_identities import router as user_identities
from app.admin.user_transfer import router as user_transfer
from app.admin.users import router as users
from app.admin.webhooks import router as webhooks

ADMIN_ROUTERS: tuple[AdminRouter, ...] = (
    user_transfer,
    users,
    user_holdings,
    user_identities,
    ended_users,
    roles,
    permissions,
    groups,
    ended_audiences,
    audiences,
    signing_keys,
    saml_keys,
    ended_clients,
    oauth_clients,
    api_keys,
    audit_logs,
    webhooks,
    identity_providers,
    flows,
    stats,
)
"""Every noun's router, in the order of the documentation."""
