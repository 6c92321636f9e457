"""A local Gong: the same HTTP API over a seeded, made-up company."""

from gong_sandbox.server import Sandbox

__all__ = ["Sandbox"]
