"""Receivers: who is told besides the inbox, each message with its evidence, none of them lost."""
