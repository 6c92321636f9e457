"""`python -m gong_webhook`."""

from gong_webhook.cli import main

main(prog_name="gong-webhook")
