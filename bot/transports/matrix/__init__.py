"""Matrix as a transport: encrypted rooms on one's own homeserver."""
