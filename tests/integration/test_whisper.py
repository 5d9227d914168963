"""Hearing, with the real libraries and a real model."""

import shutil
import socket
import wave
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import ModelLoadError, UnsupportedMedia
from engines.speech import SpeechConfig, open_transcriber
from engines.speech.audio import SAMPLE_RATE, decode

pytestmark = pytest.mark.integration

AUDIO = Path(__file__).parents[1] / "data" / "audio"
NO_LIMITS = {"max_seconds": 3600.0, "max_bytes": 10**9}


@pytest.fixture(scope="module")
def clips():
    return {path.stem: path.read_bytes() for path in AUDIO.glob("*.ogg")}


@pytest.fixture
async def transcriber(models_dir):
    async with open_transcriber(SpeechConfig(model_path=models_dir / "whisper-base")) as opened:
        yield opened


def wav(samples, *, rate=SAMPLE_RATE, channels=1):
    """A WAV file of samples, the same on every channel."""
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(np.repeat(np.asarray(samples, np.int16), channels).tobytes())
    return file.getvalue()


def encoded(samples, container, codec):
    """Samples at 16 kHz in another container."""
    file = BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=48000, frame_size=stream.codec_context.frame_size
        )
        for ready in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(ready))
    return file.getvalue()


async def test_an_english_note(transcriber, clips):
    """A clear note comes out word for word, with language and times."""
    transcript = await transcriber.transcribe(clips["en_ask_not"], "audio/ogg")
    words = "".join(character for character in transcript.text.lower() if character.isalpha() or character == " ")
    assert "ask not what your country can do for you ask what you can do for your country" in words
    assert transcript.language == "en"
    assert transcript.audio_seconds == pytest.approx(11, abs=0.1)
    assert 5 < transcript.speech_seconds <= 11.1
    assert transcript.segments[0].start_seconds < transcript.segments[-1].end_seconds <= transcript.audio_seconds


async def test_a_very_short_note(transcriber, clips):
    """A second and a half is heard, not taken for noise."""
    assert "1813" in (await transcriber.transcribe(clips["en_eighteen_thirteen"])).text


async def test_a_chinese_note(transcriber, clips):
    """Chinese comes out in simplified characters."""
    transcript = await transcriber.transcribe(clips["zh_foot"])
    assert transcript.language == "zh"
    assert transcript.text.endswith("自己的脚")


async def test_noise_is_not_speech(transcriber, clips):
    """Noise that webrtcvad takes for speech yields an empty transcript."""
    transcript = await transcriber.transcribe(clips["noise"])
    assert (transcript.text, transcript.language, transcript.segments) == ("", None, ())
    assert transcript.audio_seconds == pytest.approx(5, abs=0.1)


async def test_silence_loads_no_model(tmp_path):
    """Where there is nothing to hear, the model is not even looked for."""
    async with open_transcriber(SpeechConfig(model_path=tmp_path / "nowhere")) as transcriber:
        assert (await transcriber.transcribe(wav(np.zeros(SAMPLE_RATE)))).text == ""


async def test_speech_on_both_sides_of_a_long_pause(transcriber, clips):
    """A long recording is heard piece by piece, and the times are those of the recording."""
    note = decode(clips["en_eighteen_thirteen"], **NO_LIMITS)
    pause = np.zeros(30 * SAMPLE_RATE, np.int16)
    transcript = await transcriber.transcribe(wav(np.concatenate([note, pause, note])))
    assert transcript.text.count("1813") == 2
    assert transcript.segments[-1].start_seconds > 30


async def test_nothing_is_looked_up(transcriber, clips, monkeypatch):
    """Loading and hearing open no socket."""

    def refuse(*arguments, **named):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert (await transcriber.transcribe(clips["en_eighteen_thirteen"])).text


@pytest.mark.parametrize("missing", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
async def test_an_incomplete_model(models_dir, tmp_path, clips, missing):
    """Each missing file is named, by the ping and by the first use."""
    for path in (models_dir / "whisper-base").iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    async with open_transcriber(SpeechConfig(model_path=tmp_path)) as transcriber:
        for attempt in (transcriber.ping(), transcriber.transcribe(clips["en_eighteen_thirteen"])):
            with pytest.raises(ModelLoadError) as error:
                await attempt
            assert error.value.code == "model.missing"
            assert error.value.arguments["path"] == str(tmp_path / missing)


async def test_a_truncated_model(models_dir, tmp_path, clips):
    """Half a model does not load, and says so."""
    shutil.copytree(models_dir / "whisper-base", tmp_path / "model")
    with (tmp_path / "model" / "model.bin").open("r+b") as file:
        file.truncate(1_000_000)
    async with open_transcriber(SpeechConfig(model_path=tmp_path / "model")) as transcriber:
        with pytest.raises(ModelLoadError) as error:
            await transcriber.transcribe(clips["en_eighteen_thirteen"])
    assert error.value.code == "model.broken"


@pytest.mark.parametrize(
    ("container", "codec"),
    [("wav", "pcm_s16le"), ("mp3", "mp3"), ("ipod", "aac"), ("flac", "flac"), ("webm", "libopus"), ("ogg", "libopus")],
)
def test_containers(clips, container, codec):
    """Every common container gives the same sound."""
    note = decode(clips["en_eighteen_thirteen"], **NO_LIMITS)
    again = decode(encoded(note, container, codec), **NO_LIMITS)
    assert again.dtype == np.int16
    assert again.size == pytest.approx(note.size, abs=0.1 * SAMPLE_RATE)
    assert np.std(again) == pytest.approx(np.std(note), rel=0.1)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (48000, 8), (44100, 2)])
def test_rates_and_channels(rate, channels):
    """A second is a second, whatever the rate and however many channels."""
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    pcm = decode(wav(tone, rate=rate, channels=channels), **NO_LIMITS)
    assert pcm.size == pytest.approx(SAMPLE_RATE, abs=20)
    assert pcm.max() > 4000


@pytest.mark.parametrize(
    ("audio", "limits", "code"),
    [
        pytest.param(b"", {}, "audio.empty", id="no bytes"),
        pytest.param(wav([]), {}, "audio.empty", id="no samples"),
        pytest.param(b"not audio at all" * 100, {}, "audio.unreadable", id="not audio"),
        pytest.param(wav(np.zeros(100)), {"max_bytes": 100}, "audio.too_large", id="too many bytes"),
        pytest.param(wav(np.zeros(2 * SAMPLE_RATE)), {"max_seconds": 1.0}, "audio.too_long", id="too long"),
    ],
)
def test_refusals(audio, limits, code):
    """What cannot be heard has a code that says why."""
    with pytest.raises(UnsupportedMedia) as error:
        decode(audio, **{**NO_LIMITS, **limits})
    assert error.value.code == code


def test_a_playlist_opens_nothing(tmp_path):
    """A playlist that names another file is refused, not followed."""
    (tmp_path / "secret.wav").write_bytes(wav(np.zeros(SAMPLE_RATE)))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n"
    with pytest.raises(UnsupportedMedia) as error:
        decode(playlist.encode(), **NO_LIMITS)
    assert error.value.code == "audio.unreadable"
