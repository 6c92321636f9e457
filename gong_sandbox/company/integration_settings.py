"""Where partner apps may be framed from (api: /v2/integration-settings)."""

from __future__ import annotations

import base64
import threading

from gong_sandbox.company.randomness import stream


class IntegrationSettings:
    """The origins that were allowed.

    Attributes:
        id: of the settings.
        origins: the last list, as pairs of integration type and origin.
        writes: how often a list was accepted.
    """

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "integration settings")
        self.id = base64.b64encode(rng.randbytes(32)).decode()
        self.origins: list[tuple[str, str]] = []
        self.writes = 0
        self._lock = threading.Lock()

    def allow(self, origins: list[tuple[str, str]]) -> None:
        """Replace the list."""
        with self._lock:
            self.origins = origins
            self.writes += 1
