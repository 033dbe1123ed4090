"""Every test here that asks for `database_url` runs on SQLite and on PostgreSQL."""

from tests.support.databases import database_url

__all__ = ["database_url"]
