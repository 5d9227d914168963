"""Albums and pasted texts become one message; edits that come while it waits change it."""

import pytest

from bot.domain import Attachment, AttachmentKind, MessageEdited, MessageRemoved, Person
from bot.gathering import BURST_CHARACTERS, belongs, changed, expects_more, merged
from tests.fakes.transport import incoming

LONG = "x" * BURST_CHARACTERS


def picture(number, text="", album="a"):
    photo = Attachment(kind=AttachmentKind.IMAGE, handle=str(number), file_name=f"{number}.jpg")
    return incoming(text, str(number), attachments=(photo,), album=album)


@pytest.mark.parametrize(("message", "more"), [(picture(1), True), (incoming(LONG), True), (incoming("short"), False)])
def test_what_may_have_another_part(message, more):
    """Pictures of an album, and texts as long as a platform allows."""
    assert more == expects_more(message)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (picture(1), picture(2), True),
        (picture(1), picture(2, album="b"), False),
        (picture(1), incoming("what is this?"), False),
        (incoming(LONG), incoming("and the end"), True),
        (incoming(LONG), incoming("/stop"), False),
        (incoming(LONG), picture(2), False),
        (incoming("short"), incoming("next"), False),
    ],
)
def test_what_belongs_together(first, second, together):
    """The same album, or what follows on a very long text."""
    assert together == belongs([first], second)


def test_other_people_do_not_continue_a_message():
    """In a group somebody else may write in between."""
    other = incoming("mine")
    object.__setattr__(other, "sender", Person("console", "eve", "Eve"))
    assert not belongs([incoming(LONG)], other)


def test_an_album_is_one_message_with_its_caption():
    """All pictures, the words of whichever has some, and the keys of the others."""
    parts = [picture(1), picture(2, "How much?"), picture(3)]
    whole = merged(parts)
    assert whole.text == "How much?"
    assert [file.handle for file in whole.attachments] == ["1", "2", "3"]
    assert {whole.key, *whole.merged} == {part.key for part in parts}


def test_changes_are_taken_in():
    """The newest form of each part counts, what was taken back is gone, and all keys are dealt with."""
    parts = [picture(1, "How much?"), picture(2)]
    edited = MessageEdited(message=picture(1, "How many?"))
    removed = MessageRemoved(ref=parts[1].ref, sender=parts[1].sender)
    whole = changed(parts, [edited, removed])
    assert whole.text == "How many?"
    assert [file.handle for file in whole.attachments] == ["1"]
    assert {whole.key, *whole.merged} == {parts[0].key, parts[1].key, edited.key, removed.key}


def test_nothing_is_left_of_what_was_taken_back():
    """A message whose parts are all gone is not answered."""
    message = incoming("hello")
    assert changed([message], [MessageRemoved(ref=message.ref, sender=message.sender)]) is None
