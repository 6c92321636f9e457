"""What tap and target share: the one way to talk to Gong."""

from importlib.metadata import version

__version__ = version("gong-singer")
