"""The command `target-gong`."""

from __future__ import annotations

from gong_api.starting import end_at_signals


def main() -> None:
    """Run the command; a signal that comes while it is being loaded ends it in words."""
    end_at_signals()
    from target_gong.target import TargetGong  # noqa: PLC0415

    TargetGong.cli()


if __name__ == "__main__":
    main()
