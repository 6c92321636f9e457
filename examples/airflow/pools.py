"""Prints Airflow's pools for the companies of a companies.json: `airflow pools import` reads them.

python pools.py dags/companies.json > pools.json && airflow pools import pools.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def pools(companies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A pool a company: at most `slots` of its tasks run at once, two by default.

    One reads as fast as Gong allows, and the second does so while the first starts or ends.
    """
    return {
        f"gong_{name}": {
            "slots": settings.get("slots", 2),
            "description": f"Gong company {name}",
            "include_deferred": False,
        }
        for name, settings in companies.items()
    }


if __name__ == "__main__":
    content = Path(sys.argv[1]).read_text(encoding="utf-8")
    sys.stdout.write(json.dumps(pools(json.loads(content)), indent=2) + "\n")
