"""What is collected here."""

from __future__ import annotations

import importlib.util

# Of the dependency group `fleet`, which `make test-fleet` installs.
NEEDS = ("psutil", "psycopg")
collect_ignore = ["test_fleet.py"] if not all(map(importlib.util.find_spec, NEEDS)) else []
