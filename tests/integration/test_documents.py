"""Real documents, hostile ones and a few hundred damaged ones, through the process that reads them."""

import asyncio
import io
import os
import random
import zipfile
from pathlib import Path

import pytest

from knowledge import DocumentReader, ReadingLimits
from knowledge.errors import DocumentUnreadable
from knowledge.reader import open_reader

pytestmark = pytest.mark.integration

DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"
LIMITS = ReadingLimits()
READABLE = ("boiler.md", "household_insurance.pdf", "rental_contract.docx", "washing_machine_zh.txt", "wifi.html")
DAMAGES_PER_FILE = 70


def content(name):
    return (DOCUMENTS / name).read_bytes()


async def blocks(data, name, limits=LIMITS):
    async with open_reader(limits) as reader:
        return await reader.blocks(data, name)


async def refusal(data, name, limits=LIMITS):
    with pytest.raises(DocumentUnreadable) as caught:
        await blocks(data, name, limits)
    return caught.value


async def test_pdf_has_pages_and_no_footers():
    """Each page is a block that knows its number; what every page repeats is left out."""
    pages = await blocks(content("household_insurance.pdf"), "household_insurance.pdf")
    assert [page.page for page in pages] == [1, 2, 3, 4]
    assert "the share is 250 euros" in pages[1].text
    assert not any("Northgate" in page.text or "of 4" in page.text for page in pages)


async def test_word_has_headings_and_tables():
    """Nested headings, a table as rows, and Chinese."""
    sections = await blocks(content("rental_contract.docx"), "rental_contract.docx")
    assert "Rental contract, 12 Mill Lane > Pets > Dogs" in [section.heading for section in sections]
    assert any("| flat | 1,180 |" in section.text for section in sections)
    assert sections[-1].text == "养狗需要房东的书面同意。"


async def test_web_page_without_its_machinery():
    """Scripts, navigation and hidden text are no text; tables and lists are."""
    sections = await blocks(content("wifi.html"), "wifi.html")
    text = "\n".join(section.text for section in sections)
    assert [s.heading for s in sections] == ["Guest network", "Guest network > Passphrase", "Guest network > Hours"]
    assert "Visitors may use the network mill-lane-guest." in text
    assert "| weekend | 07:00 | 24:00 |" in text
    assert not any(word in text for word in ("tracking", "All pages", "Ignore"))


async def test_chinese_text_in_the_old_encoding():
    """GB18030 is read without being told."""
    (text,) = await blocks(content("washing_machine_zh.txt"), "washing_machine_zh.txt")
    assert "保修期为三年" in text.text


async def test_attachment_is_read_to_plain_text():
    """The conversation gets one text; headings stand on their own lines."""
    text = await DocumentReader(LIMITS).read(content("boiler.md"), "boiler.md")
    assert "Pressure\n\nThe water pressure should" in text


@pytest.mark.parametrize(
    ("code", "name"), [("document.encrypted", "locked.pdf"), ("document.no_text", "scanned_letter.pdf")]
)
async def test_documents_without_text_say_why(code, name):
    """A password and a scan are told apart."""
    assert code == (await refusal(content(name), name)).code


async def test_one_process_reads_many_documents():
    """A document that is refused does not disturb the next one."""
    async with open_reader(LIMITS) as reader:
        with pytest.raises(DocumentUnreadable):
            await reader.blocks(b"%PDF-1.4 nothing", "broken.pdf")
        for name in READABLE:
            assert await reader.blocks(content(name), name)


async def test_large_file_is_refused_unread():
    """The size is checked before anything is parsed."""
    error = await refusal(b"x" * 2_000_000, "big.txt", ReadingLimits(max_file_mb=1))
    assert (error.code, error.arguments["size_mb"]) == ("document.too_large", 2.0)


async def test_long_document_is_refused():
    """A small file with too much text in it."""
    assert (await refusal(b"word " * 1000, "long.txt", ReadingLimits(max_characters=1000))).code == "document.too_long"


async def test_slow_document_is_given_up():
    """A page that takes for ever to parse; the reader is ready for the next one."""
    deep = b"<html>" + b"<div>" * 300_000
    async with open_reader(ReadingLimits(seconds=1)) as reader:
        with pytest.raises(DocumentUnreadable) as caught:
            await reader.blocks(deep, "deep.html")
        assert caught.value.code == "document.timeout"
        assert await reader.blocks(content("boiler.md"), "boiler.md")


def packed(document_xml, **extra):
    """A Word file with another main part."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(DOCUMENTS / "rental_contract.docx") as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, document_xml if name == "word/document.xml" else source.read(name))
        for name, data in extra.items():
            target.writestr(name, data)
    return buffer.getvalue()


async def test_zip_bomb_is_not_unpacked():
    """What an archive would unpack to is known before it is unpacked."""
    error = await refusal(packed(b"<x/>", bomb=bytes(300_000_000)), "bomb.docx")
    assert error.code == "document.damaged"
    assert "unpacks to 30" in error.sentence


async def test_document_that_takes_too_much_memory():
    """The reading process is held to its memory, whatever the document needs."""
    bomb = packed(b"<w>" + b" " * 190_000_000 + b"</w>")
    assert (await refusal(bomb, "bomb.docx", ReadingLimits(memory_mb=256))).code == "document.damaged"


async def test_xml_bomb_does_not_explode():
    """Entities that multiply are not expanded."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<!DOCTYPE x [<!ENTITY e0 "boom">{entities}]><x>&e9;</x>'
    assert (await refusal(packed(xml.encode()), "bomb.docx")).code in {"document.damaged", "document.no_text"}


async def test_external_entities_are_not_read():
    """A document cannot quote files of this machine."""
    main = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    entity = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    xml = f"{entity}{main}<w:t>see &f;</w:t></w:r></w:p></w:body></w:document>"
    try:
        sections = await blocks(packed(xml.encode()), "curious.docx")
    except DocumentUnreadable:
        return
    assert "root:" not in str(sections)


async def test_secrets_stay_out_of_the_reading_process(monkeypatch):
    """The process that parses foreign bytes has no environment worth stealing."""
    monkeypatch.setenv("INGLENOOK_TELEGRAM_TOKEN", "secret")
    async with open_reader(LIMITS) as reader:
        await reader.blocks(b"text", "a.txt")
        environment = await asyncio.to_thread(Path(f"/proc/{reader.pid}/environ").read_bytes)
    assert b"PYTHONPATH" in environment
    assert b"secret" not in environment


async def test_killed_process_is_a_damaged_document():
    """A parser that crashes takes only its own process along."""
    async with open_reader(LIMITS) as reader:
        await reader.blocks(b"text", "a.txt")
        os.kill(reader.pid, 11)
        with pytest.raises(DocumentUnreadable) as caught:
            await reader.blocks(b"text", "a.txt")
        assert caught.value.code == "document.damaged"
        assert await reader.blocks(b"text", "a.txt")


def truncated(data, rng):
    return data[: rng.randrange(len(data))]


def overwritten(data, rng):
    damaged = bytearray(data)
    for _ in range(rng.randrange(1, 30)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def cut(data, rng):
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 2000) :]


def interrupted(data, rng):
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randrange(1, 500)) + data[start:]


def repacked(data, rng):
    """An archive whose members are damaged inside: it opens, its parts do not parse."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            target.writestr(name, overwritten(source.read(name), rng) if rng.random() < 0.3 else source.read(name))
    return buffer.getvalue()


async def outcomes(documents):
    """The codes of those that were refused; the others have text."""
    codes = set()
    async with open_reader(LIMITS) as reader:
        for damaged, name in documents:
            try:
                assert await reader.blocks(damaged, name)
            except DocumentUnreadable as error:
                codes.add(error.code)
    return codes


@pytest.mark.parametrize("name", READABLE)
async def test_damaged_documents_are_read_or_refused(name):
    """Dozens of damaged forms of each kind: each gives text or one of our errors, and nothing else happens."""
    data = content(name)
    damages = [truncated, overwritten, cut, interrupted] + [repacked] * name.endswith(".docx")
    forms = [damages[seed % len(damages)](data, random.Random(seed)) for seed in range(DAMAGES_PER_FILE)]
    assert "document.timeout" not in await outcomes([(form, name) for form in forms])


async def test_noise_under_every_name():
    """Random bytes that call themselves documents."""
    starts = (b"", b"%PDF-1.7\n", b"PK\x03\x04", b"<!doctype html>", b"\xff\xfe")
    rng = random.Random(0)
    documents = [(rng.choice(starts) + rng.randbytes(rng.randrange(1, 5000)), rng.choice(READABLE)) for _ in range(60)]
    assert "document.timeout" not in await outcomes(documents)
