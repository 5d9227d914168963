"""Chat platforms. A transport only translates: updates into events, replies into calls."""
