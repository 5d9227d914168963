"""Beginnings: which system texts are shared."""

from engines.llm.beginnings import Beginnings, SharedPart

PERSONA = tuple(range(100, 140))
OTHER = tuple(range(200, 240))
THIRD = tuple(range(300, 340))


def taught(*texts, slots=2):
    subject = Beginnings(4, slots)
    for text in texts:
        subject.put(subject.place(text), text)
    return subject


def test_a_prompt_finds_the_text_it_begins_with():
    """Also when only a part of it is the same; never its own last token."""
    subject = taught(PERSONA, OTHER)

    assert subject.find((*OTHER, 1, 2)) == SharedPart(5, 40)
    assert subject.find((*OTHER[:20], 1, 2)) == SharedPart(5, 20)
    assert subject.find(OTHER) == SharedPart(5, 39)


def test_little_in_common_is_not_shared():
    """A few tokens are read as fast."""
    assert taught(PERSONA).find((*PERSONA[:15], 1, 2)) is None
    assert taught().find((*PERSONA, 1)) is None
    assert taught(slots=0).find((*PERSONA, 1)) is None


def test_a_text_is_kept_once():
    """A part of a longer one is there already."""
    subject = taught(PERSONA)

    assert subject.place(PERSONA) is None
    assert subject.place(PERSONA[:30]) is None
    assert subject.place(OTHER[:5]) is None
    assert subject.place(OTHER) == 5


def test_the_text_used_longest_ago_gives_way():
    """First for a new one, then for room."""
    subject = taught(PERSONA, OTHER)
    subject.use(4)
    subject.put(subject.place(THIRD), THIRD)

    assert subject.find((*OTHER, 1)) is None
    assert subject.cells == {4: 40, 5: 40}
    assert [subject.drop_oldest() for _ in range(3)] == [4, 5, None]
    assert subject.cells == {4: 0, 5: 0}
