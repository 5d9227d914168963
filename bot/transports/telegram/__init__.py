"""Telegram as a transport."""
