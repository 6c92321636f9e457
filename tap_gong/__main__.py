"""The command `tap-gong`."""

from __future__ import annotations

from gong_api.starting import end_at_signals


def main() -> None:
    """Run the command; a signal that comes while it is being loaded ends it in words."""
    end_at_signals()
    from tap_gong.tap import TapGong  # noqa: PLC0415

    TapGong.cli()


if __name__ == "__main__":
    main()
