"""Weights from a model hub; a download that was cut off continues where it stopped."""

import errno
import os
from pathlib import Path
from typing import Any

from engines.errors import ModelPullError
from engines.models.catalogue import HubSource, ModelFile
from engines.models.progress import Progress

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES)


def fetch_from_hub(hub: HubSource, file: ModelFile, work: Path, progress: Progress) -> Path:
    """`file` of the repository, in `work`."""
    # The library reads these when it is imported. Serving is offline; a pull is what somebody asked for.
    os.environ.update(HF_HUB_OFFLINE="0", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_VERBOSITY="error")
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - slow to import, and only a pull needs it

    progress(file.name, 0, file.size_bytes or 0)
    try:
        arrived = hf_hub_download(
            hub.repository,
            file.name,
            revision=hub.revision,
            local_dir=work,
            tqdm_class=_bar_class(file, progress),
        )
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise
        raise ModelPullError("pull.unreachable", name=f"{hub.repository}/{file.name}", detail=_reason(error)) from error
    return Path(arrived)


def _reason(error: BaseException) -> str:
    """The library wraps what went wrong in advice about its own cache; the innermost error is the plain one."""
    while error.__cause__:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _bar_class(file: ModelFile, progress: Progress) -> type[Any]:
    """A progress bar that draws nothing and tells `progress`."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with the hub's library

    class SilentBar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **(options | {"disable": True}))
            self.done = options.get("initial", 0)

        def update(self, n: float | None = 1) -> None:
            self.done += n or 0
            progress(file.name, int(self.done), file.size_bytes or int(self.done))

    return SilentBar
