"""Refusals of whoever reads the log."""

from app.foundation.errors import NotFound


class AuditEntryNotFound(NotFound):
    """No entry of the log has this id, or it is no longer kept."""

    code, title = "audit_entry_not_found", "There is no such entry"
