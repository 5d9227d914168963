"""Python runs this at its start: connections and look-ups that leave the machine end the process."""

import os
import sys


def forbid(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "localhost", "127.0.0.1", "::1"):
        sys.stderr.write(f"forbidden connection to {host}\n")
        sys.stderr.flush()
        os._exit(99)


sys.addaudithook(forbid)
