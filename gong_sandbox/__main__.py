"""`python -m gong_sandbox`."""

from gong_sandbox.cli import main

main()
