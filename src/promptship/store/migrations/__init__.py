"""Alembic migrations, one module each in `versions`. Revisions are numbers with leading zeros and follow each other.

There is no way down: a registry goes back by `promptctl db restore`.
"""
