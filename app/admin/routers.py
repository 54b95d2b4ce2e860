"""The admin API's nouns, one line each."""

from app.admin import audit_logs, signing_keys
from app.admin.routing import AdminRouter

ADMIN_ROUTERS: tuple[AdminRouter, ...] = (signing_keys.router, audit_logs.router)
"""Every noun's router, in the order of the documentation."""
