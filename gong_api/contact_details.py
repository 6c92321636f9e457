"""How an e-mail address and a phone number look, wherever they stand."""

from __future__ import annotations

import re

EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.\w+")
# With a plus: digits alone are as likely an id.
PHONE = re.compile(r"\+\d[\d\s().-]{5,}\d")


def hidden(text: str) -> str:
    """A text with neither, for a log that persons are to be kept out of."""
    return PHONE.sub("[phone number]", EMAIL.sub("[e-mail address]", text))
