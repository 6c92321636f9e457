"""The company's automation rule: each call is posted once when it has been processed, signed."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gong_sandbox.api.calls import Selection

if TYPE_CHECKING:
    from gong_sandbox.clock import SandboxClock
    from gong_sandbox.company import CallSlot, Company

# Seconds that a token is good for.
_GOOD_FOR = 300
# Seconds before each further try. An assumption: Gong does not tell what it does when it fails.
_WAITS = (1, 5, 25, 125)
_TIMEOUT = 10
_LOOK_EVERY = 0.5
_EVERYTHING = {
    "context": "Extended",
    "contextTiming": ["Now"],
    "exposedFields": {
        "parties": True,
        "content": dict.fromkeys(
            (
                "structure",
                "topics",
                "trackers",
                "trackerOccurrences",
                "brief",
                "outline",
                "highlights",
                "callOutcome",
                "keyPoints",
            ),
            True,
        ),
        "interaction": dict.fromkeys(
            ("speakers", "video", "personInteractionStats", "questions"), True
        ),
        "collaboration": {"publicComments": True},
    },
}


@dataclass
class _Due:
    """A call that was to be posted and could not be.

    Attributes:
        slot: the call.
        tries: how often it has been tried.
        not_before: when it may be tried again, on the machine's monotonic clock.
    """

    slot: CallSlot
    tries: int = 0
    not_before: float = 0.0


class Webhook:
    """Posts calls to a URL as they become processed.

    Args:
        url: where to, as an automation rule has it.
        company: whose calls.
        clock: the company's; calls that have been processed by now are not posted.

    Attributes:
        url: where to.
        public_key: of the key that the tokens are signed with, in PEM.
        delivered: calls that were posted and taken.
        given_up: calls that were refused on every try.
    """

    def __init__(self, url: str, company: Company, clock: SandboxClock) -> None:
        self.url = url
        self.delivered = 0
        self.given_up = 0
        self._company = company
        self._clock = clock
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public_key = (
            self._key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
        self._session = requests.Session()
        self._known = {slot.id for slot in self._processed()}
        self._due: dict[str, _Due] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Look for calls from now on, in a thread of its own."""
        threading.Thread(target=self._run, name="gong-sandbox-webhook", daemon=True).start()

    def stop(self) -> None:
        """Look no further."""
        self._stop.set()

    def post_due(self) -> int:
        """Post the calls that have been processed since the last look, and those to be tried again.

        Returns:
            How many were taken.
        """
        with self._lock:
            for slot in self._processed():
                if slot.id not in self._known:
                    self._known.add(slot.id)
                    self._due[slot.id] = _Due(slot)
            before = self.delivered
            for due in list(self._due.values()):
                if time.monotonic() >= due.not_before:
                    self._try(due)
            return self.delivered - before

    def body(self, slot: CallSlot, *, is_test: bool = False) -> bytes:
        """What is posted of a call.

        Args:
            slot: the call.
            is_test: as from Gong's settings page.
        """
        now = self._clock.now()
        whole = self._company.extensive(slot, now=now)
        call: dict[str, Any] = Selection(_EVERYTHING).parts(whole, slot, now)
        call.setdefault("content", {})["scorecardsAnswers"] = []
        payload = {"callData": call, "isTest": is_test, "isPrivate": slot.is_private}
        return json.dumps(payload, ensure_ascii=False).encode()

    def token(self, body: bytes, **claims: Any) -> str:
        """The signed token that goes with a body.

        Args:
            body: as it is posted.
            claims: in place of the right ones.
        """
        right = {
            "webhook_url": self.url,
            "body_sha256": hashlib.sha256(body).hexdigest(),
            # The receiver goes by the real time, whatever the company's clock says.
            "exp": int(time.time()) + _GOOD_FOR,
        }
        return jwt.encode({**right, **claims}, self._key, algorithm="RS256")

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            self.post_due()

    def _processed(self) -> list[CallSlot]:
        return self._company.slots(None, None, now=self._clock.now())

    def _try(self, due: _Due) -> None:
        body = self.body(due.slot)
        headers = {"Authorization": self.token(body), "Content-Type": "application/json"}
        try:
            answer = self._session.post(
                self.url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )
            is_taken = 200 <= answer.status_code < 300
        except requests.RequestException:
            is_taken = False
        if is_taken:
            self.delivered += 1
        elif due.tries < len(_WAITS):
            due.not_before = time.monotonic() + _WAITS[due.tries]
            due.tries += 1
            return
        else:
            self.given_up += 1
        del self._due[due.slot.id]
