"""The pytest face: evalsets as tests, fixtures for Python tests, assertions that explain themselves.

`promptship.pytest_plugin` is what pytest loads; it comes here when an evalset is collected or a test asks for a
fixture. Importing this package loads nothing heavy: a session that evaluates nothing pays for nothing. Cells are
executed by the one runner, verdicts come from the gates; nothing is decided here but what becomes of an item.
"""

from promptship.testing._doors import collect_evalset, gather_session

__all__ = ["collect_evalset", "gather_session"]
