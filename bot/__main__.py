"""The command `inglenook`."""

import os

ENVIRONMENT = {
    # On a small machine native libraries are slower with many threads than with one, and spin while they are idle.
    # OMP_THREAD_LIMIT would bind the language engine too, which counts its threads itself.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "KMP_BLOCKTIME": "0",
    # Serving never touches the network for weights; `inglenook models pull` says otherwise for itself.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Read by native libraries when they are loaded, so it is set before anything else is imported."""


def main() -> None:
    """Runs the command line."""
    os.umask(0o077)  # what is written are conversations: nobody else's business
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    from bot.cli.app import app  # noqa: PLC0415 - see ENVIRONMENT

    app()


if __name__ == "__main__":
    main()
