"""Seeded random streams: the same seed, purpose and key give the same numbers everywhere."""

from __future__ import annotations

from random import Random

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def stream(seed: int, purpose: str, key: str = "") -> Random:
    """A generator of its own for one purpose and key; string seeds are stable across processes."""
    return Random(f"{seed}:{purpose}:{key}")


def gong_id(rng: Random) -> str:
    """An 18-19 digit id as Gong hands them out; beyond 2**53, so only a string carries it."""
    return str(10**17 + int(rng.random() * 89 * 10**17) + int(rng.random() * 99_991))


def derived_id(number: int, place: int) -> str:
    """A further id that follows from a call's own, without a random stream of its own."""
    mixed = (number * 6364136223846793005 + place * 1442695040888963407) >> 3
    return str(10**17 + mixed % (89 * 10**17))


def salesforce_id(rng: Random, prefix: str) -> str:
    """An 18-character Salesforce record id with the object's three-letter prefix."""
    body = "".join(rng.choices(_BASE62, k=5))
    return f"{prefix}5f00000{body}{rng.choice(('AAA', 'AAC', 'AAG', 'AAK', 'AAQ', 'AAS', 'AAW'))}"


def hubspot_id(rng: Random) -> str:
    """A HubSpot object id: digits only."""
    return str(rng.randrange(10**9, 10**11))
