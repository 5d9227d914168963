"""PromptLookup: what may follow, and whether guessing pays."""

from engines.llm.lookup import PromptLookup

PROMPT = [1, 2, 3, 4, 5, 6, 7, 8, 9]


def guess(subject, answer, most=3, prompt=PROMPT):
    return subject.guess([*prompt, *answer], len(prompt), most)


def test_what_followed_the_same_tokens_is_guessed():
    """The newest five tokens stand in the prompt; what comes after them there may come again."""
    assert guess(PromptLookup(), [1, 2, 3, 4, 5], most=2) == (6, 7)


def test_a_guess_ends_with_the_prompt():
    """What the answer itself says is nobody's quotation."""
    assert guess(PromptLookup(), [3, 4, 5, 6, 7], most=9) == (8, 9)
    assert guess(PromptLookup(), [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]) == ()


def test_the_latest_place_counts():
    """What was said last is rather repeated than what was said first."""
    assert guess(PromptLookup(), [1, 2, 3, 4, 5], most=1, prompt=[*PROMPT, 1, 2, 3, 4, 5, 0]) == (0,)


def test_nothing_is_guessed_of_what_the_prompt_does_not_say():
    """New tokens, a short prompt, or no room give no guess."""
    subject = PromptLookup()

    assert [guess(subject, answer) for answer in ([], [0], [1, 2, 3, 4, 0])] == [()] * 3
    assert guess(subject, [1, 2, 3, 4, 5], most=0) == ()
    assert guess(PromptLookup(), [1, 2], prompt=[1, 2]) == ()


def test_guessing_ends_when_it_does_not_pay():
    """One guess of three tokens that were all wrong is enough."""
    subject = PromptLookup()
    asked = []
    for _ in range(2):
        asked.append(len(guess(subject, [1, 2, 3, 4, 5])))
        subject.judge(asked[-1], 0)

    assert asked == [3, 0]


def test_earlier_luck_does_not_pay_for_ever():
    """However many guesses were right, half a dozen wrong ones end it."""
    subject = PromptLookup()
    for _ in range(100):
        subject.judge(3, 3)
    subject.judge(3, 0)
    assert guess(subject, [1, 2, 3, 4, 5])
    subject.judge(3, 0)

    assert guess(subject, [1, 2, 3, 4, 5]) == ()
