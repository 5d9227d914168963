"""Telegram as a chat platform, over the Bot API.

`inbound` reads updates, `outbound` writes answers, `client` makes the calls at the `pace` that Telegram allows and has
`faults` translated, `polling` and `webhook` bring the updates in, and `transport` is the face of it all.
"""
