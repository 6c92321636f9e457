"""Receiver for the webhooks of Gong's automation rules."""
