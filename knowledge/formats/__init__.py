"""One module for each kind of document: bytes to blocks of text."""
