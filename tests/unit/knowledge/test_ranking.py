"""Candidates become few, relevant, different passages."""

from knowledge.ranking import Ranked, fuse, passages, relevant
from knowledge.records import Candidate
from knowledge.types import Chunk


def piece(text, path="/a", position=0):
    chunk_id = f"{path}#{position}"
    return Chunk(chunk_id=chunk_id, path=path, text=text, heading="", page=None, position=position)


def hit(text, score, path="/a", position=0, cosine=0.0):
    return Ranked(piece(text, path, position), score, cosine)


def test_fusion_adds_words_to_the_cosine():
    """A chunk that shares the question's words overtakes a slightly nearer one that does not."""
    near, worded = Candidate(piece("near", "/n"), 0.5, 0.0), Candidate(piece("worded", "/w"), 0.45, 9.0)
    assert [found.chunk.path for found in fuse("the boiler", [near, worded], 1000)] == ["/w", "/n"]


def test_long_questions_need_more_words():
    """The same full-text score says less when the question had many words to match."""
    found = [Candidate(piece("text"), 0.2, 8.0)]
    (short,), (long,) = fuse("boiler", found, 1000), fuse("what does the boiler in the cellar do at night", found, 1000)
    assert short.score > long.score > 0.2


def test_chinese_questions_are_counted_in_words():
    """A run of Chinese characters is not one word."""
    found = [Candidate(piece("text"), 0.2, 8.0)]
    (short,), (long,) = fuse("锅炉", found, 1000), fuse("地下室的锅炉晚上做什么呢", found, 1000)
    assert short.score > long.score


def test_equal_scores_keep_a_fixed_order():
    """The same question gives the same order every time."""
    found = [Candidate(piece("b", "/b"), 0.5, 0.0), Candidate(piece("a", "/a"), 0.5, 0.0)]
    assert [ranked.chunk.path for ranked in fuse("x", found, 10)] == ["/a", "/b"]


def test_nothing_is_relevant_below_the_limit():
    """Chunks that merely come first do not answer."""
    assert relevant([hit("one", 0.4), hit("two", 0.3)], 0.5) == []
    assert relevant([], 0.5) == []


def test_best_passage_lets_its_followers_in():
    """With one good passage, those not far behind it count too."""
    ranked = [hit("best", 0.8), hit("second", 0.5), hit("last", 0.2)]
    assert [found.chunk.text for found in relevant(ranked, 0.6)] == ["best", "second"]


def test_nearness_alone_is_enough():
    """A question in another language shares no words with its answer."""
    assert [found.cosine for found in relevant([hit("Antwort", 0.4, cosine=0.4)], 0.5)] == [0.4]


def test_neighbours_become_one_passage():
    """Adjoining chunks are read in order, under the citation of the better one."""
    (passage,) = passages([hit("second", 0.9, position=1), hit("first", 0.8, position=0)], 5)
    assert passage.text == "first\n\nsecond"
    assert (passage.chunk_id, passage.score) == ("/a#1", 0.9)


def test_neighbours_of_another_document_are_not_joined():
    """Positions count within one document."""
    found = passages([hit("second thing", 0.9, "/a", 1), hit("first thing", 0.8, "/b", 0)], 5)
    assert [passage.path for passage in found] == ["/a", "/b"]


def test_passages_do_not_grow_without_end():
    """A document that matches everywhere gives several passages."""
    found = passages([hit(f"text {number}", 1.0 - number / 10, position=number) for number in range(5)], 5)
    assert [len(passage.text.split("\n\n")) for passage in found] == [3, 2]


def test_copies_are_dropped():
    """The same text under two paths is shown once, whatever its spaces and letter case."""
    text = "The boiler shows F28 when the pressure is low"
    assert len(passages([hit(text, 0.9, "/a"), hit(f"{text.upper()}  ", 0.8, "/b")], 5)) == 1


def test_bills_of_two_months_are_not_copies():
    """Texts that differ in a number are different texts."""
    bills = [f"Dear customer, your electricity bill for the past month comes to {euros} euros" for euros in (61, 84)]
    assert len(passages([hit(bills[0], 0.9, "/june"), hit(bills[1], 0.8, "/july")], 5)) == 2


def test_limit_counts_passages():
    """No more than asked for, the best first."""
    found = passages([hit(name, score, f"/{name}") for name, score in (("aa", 0.9), ("bb", 0.8), ("cc", 0.7))], 2)
    assert [passage.text for passage in found] == ["aa", "bb"]
