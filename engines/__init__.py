"""Native inference behind async faces.

An engine is opened once with an `open_*` async context manager and shared by everybody. Inside it blocks a thread of
its own; outside it is awaited. Everything mutable belongs to one request, one session or one utterance.
"""
