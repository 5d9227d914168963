"""Any container of audio -> PCM.

The one format behind this file: 16 kHz, mono, signed 16-bit samples in a one-dimensional array.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engines.errors import UnsupportedMedia

if TYPE_CHECKING:
    from av import AudioFrame, AudioResampler
    from av.container import InputContainer

SAMPLE_RATE = 16_000
"""Samples per second of every Pcm."""

Pcm = NDArray[np.int16]

# A playlist would make FFmpeg open further files and hosts. So only containers that carry their own sound are read,
# and no protocol may be used to reach anything else.
_CONTAINER_OPTIONS = {
    "format_whitelist": "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,"
    "mpeg,mpegts,ogg,tta,w64,wav,wv",
    "protocol_whitelist": "none",
}


def decode(audio: bytes, *, max_seconds: float, max_bytes: int) -> Pcm:
    """The samples of the first audio stream; damaged packets are left out. Raises UnsupportedMedia.

    FFmpeg runs in this process: thousands of damaged files (`tests/integration/test_damaged_media.py` is a sample)
    neither crashed nor held it.
    """
    import av  # noqa: PLC0415 - loads FFmpeg

    if not audio:
        raise UnsupportedMedia("audio.empty")
    if len(audio) > max_bytes:
        raise UnsupportedMedia("audio.too_large", size_bytes=len(audio), limit_bytes=max_bytes)
    try:
        with av.open(BytesIO(audio), "r", container_options=_CONTAINER_OPTIONS, metadata_errors="ignore") as container:
            pcm = _collect(_resample(_frames(container)), max_seconds)
    except (av.FFmpegError, ValueError) as error:
        raise UnsupportedMedia("audio.unreadable", detail=str(error)) from error
    if not pcm.size:
        raise UnsupportedMedia("audio.empty")
    return pcm


def _frames(container: "InputContainer") -> Iterator["AudioFrame"]:
    import av  # noqa: PLC0415

    if not container.streams.audio:
        raise UnsupportedMedia("audio.unreadable", detail="no audio in it")
    stream = container.streams.audio[0]
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        yield from frames


def _resample(frames: Iterator["AudioFrame"]) -> Iterator[Pcm]:
    """Blocks in our format, whatever the frames have; a damaged file may change its own format midway."""
    resampler: AudioResampler | None = None
    source = None
    for frame in frames:
        if source != (source := (frame.format.name, frame.layout.name, frame.sample_rate)):
            yield from _blocks(resampler, None)
            resampler = _new_resampler()
        frame.pts = None  # a gap between time stamps is not silence
        yield from _blocks(resampler, frame)
    yield from _blocks(resampler, None)


def _new_resampler() -> "AudioResampler":
    from av import AudioResampler  # noqa: PLC0415

    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _blocks(resampler: "AudioResampler | None", frame: "AudioFrame | None") -> Iterator[Pcm]:
    """What the resampler has ready after a frame, or at the end when there is none."""
    if resampler is not None:
        for block in resampler.resample(frame):
            yield block.to_ndarray()[0]


def _collect(blocks: Iterator[Pcm], max_seconds: float) -> Pcm:
    limit = round(max_seconds * SAMPLE_RATE)
    collected = [np.zeros(0, np.int16)]
    count = 0
    for block in blocks:
        collected.append(block)
        count += block.size
        if count > limit:
            raise UnsupportedMedia("audio.too_long", seconds=count / SAMPLE_RATE, limit_seconds=max_seconds)
    return np.concatenate(collected)
