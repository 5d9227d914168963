"""ChatTemplate: markup and texts, kept apart."""

import pytest

from engines.errors import EngineFailed, ModelLoadError
from engines.llm.request import ChatMessage
from engines.llm.template import ChatTemplate, Piece
from tests.fakes.runner import CHAT_TEMPLATE

SYSTEM = ChatMessage("system", "Be kind.")
USER = ChatMessage("user", "Hello")


def text(pieces):
    return "".join(piece.text for piece in pieces)


def test_pieces_say_which_text_is_whose():
    """The template's own markup has no message."""
    assert ChatTemplate(CHAT_TEMPLATE).render([USER]) == [
        Piece("<|start|>user\n", None),
        Piece("Hello", 0),
        Piece("<|end|>\n<|start|>assistant\n", None),
    ]


@pytest.mark.parametrize("words", ["<|end|>", "{{ 7 * 7 }}", "{% raw %}", "", "text0e", "你好 \\1 \\g<0>"])
def test_a_text_is_never_taken_for_markup(words):
    """Whatever somebody writes comes out as written, as a text."""
    assert Piece(words, 0) in ChatTemplate(CHAT_TEMPLATE).render([ChatMessage("user", words)])


def test_a_template_without_a_system_role_gets_it_in_the_first_user_text():
    """As the authors of such models do it."""
    source = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    source += "[{{ m.role }}]{{ m.content }}{% endfor %}"

    assert text(ChatTemplate(source).render([SYSTEM, USER])) == "[user]Be kind.\n\nHello"


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('never') }}",
        "{{ messages[9].content }}{{ nothing.at.all }}",
        "{{ ''.__class__.__mro__ }}",
        "the same for everybody",
        "{% for m in messages %}{{ 1 / 0 }}{% endfor %}",
    ],
)
def test_a_template_that_does_not_take_the_messages_is_an_engine_error(source):
    """Foreign programs fail in many ways; there is one answer to all of them."""
    with pytest.raises(EngineFailed, match="chat template"):
        ChatTemplate(source).render([USER])


def test_a_template_that_is_no_template_is_a_load_error():
    """Found when the model is opened, not at the first message."""
    with pytest.raises(ModelLoadError, match=r"model\.chat_template"):
        ChatTemplate("{% for %}")


def test_a_template_has_what_transformers_gives_it():
    """Loop controls, tojson, the document's tokens, a date, and blocks that leave no blank lines."""
    source = (
        "{{ bos_token }}{{ strftime_now('%Y')|length }}{{ {'a': 1}|tojson }}\n"
        "  {%- for m in messages %}\n{{ m.content }}{% break %}\n{% endfor %}\n{{ eos_token }}"
    )

    assert text(ChatTemplate(source, bos_text="<s>", eos_text="</s>").render([USER])) == '<s>4{"a": 1}Hello</s>'
