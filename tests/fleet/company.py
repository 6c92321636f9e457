"""A sandbox in a process of its own, which counts what arrives.

Run as `python -m tests.fleet.company JSON`, with the arguments of `Sandbox`. Commands are words on
its standard input, answers lines of JSON: `arrivals`, `lift` (the quota), `forget SCOPE`, `shut`,
`open`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import time
from datetime import datetime

from gong_sandbox import Sandbox
from gong_sandbox.api.faults import Faults
from gong_sandbox.api.limits import Quota
from tests.conftest import settings


class CountingQuota(Quota):
    """Gong's quota, which remembers when each request came and whether it was refused."""

    def __init__(self, per_second, per_day):
        super().__init__(per_second, per_day)
        self.arrivals = []

    def count(self, now):
        refusal = super().count(now)
        self.arrivals.append((time.time(), refusal is not None))
        return refusal


class Company:
    """A sandbox in another process.

    Attributes:
        settings: of the tap, for it, without a limit.
    """

    def __init__(self, name, *, now, **options):
        self.name = name
        options["now"] = now.isoformat()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fleet.company", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.settings = self._answer()

    def arrivals(self):
        """When each request came, in seconds since the epoch, and whether it was refused."""
        return self._ask("arrivals")

    def lift(self):
        """No quota any more."""
        self._ask("lift")

    def forget(self, scope):
        """The credentials lose a scope."""
        self._ask(f"forget {scope}")

    def shut(self):
        """Every fifth request is told to come back in some hours."""
        self._ask("shut")

    def open(self):
        """That is over."""
        self._ask("open")

    def stop(self):
        """End the process."""
        self._process.communicate()

    def _ask(self, command):
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


def main():
    """Serve until the standard input ends."""
    options = json.loads(sys.argv[1])
    options["now"] = datetime.fromisoformat(options["now"])
    with Sandbox(**options) as sandbox:
        quota = sandbox.site.quota = CountingQuota(3, 10_000)
        # A search for garbage would count a request late, and so would waiting for a processor.
        gc.disable()
        with contextlib.suppress(PermissionError):
            os.nice(-10)
        print(json.dumps(settings(sandbox)), flush=True)
        for line in sys.stdin:
            command, *arguments = line.split()
            if command == "lift":
                sandbox.site.quota = Quota(0, 0)
            elif command == "forget":
                sandbox.site.without_scopes = frozenset(arguments)
            elif command in {"shut", "open"}:
                sandbox.site.faults = Faults(("429-hours:5",) if command == "shut" else ())
            print(json.dumps(quota.arrivals if command == "arrivals" else None), flush=True)


if __name__ == "__main__":
    main()
