"""What tap and target share: the one way to talk to Gong."""

__version__: str


def __getattr__(name: str) -> str:
    """The version, looked up when it is asked for.

    A command imports this package first, and takes over the signals next.
    """
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("gong-singer")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
