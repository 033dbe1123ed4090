"""Every test here that asks for `database_url` runs on SQLite and on PostgreSQL."""

from tests.support.audit import audit_folder
from tests.support.databases import database_url

__all__ = ["audit_folder", "database_url"]
