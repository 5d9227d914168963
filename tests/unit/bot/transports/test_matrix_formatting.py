"""Markdown becomes the HTML that Matrix clients show."""

from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.ports import ReplyLimits
from bot.reply import split
from bot.transports.matrix.formatting import formatted, measure
from tests.unit.bot.transports.test_telegram_formatting import SOURCES, words

BARE = "h1 h2 h3 h4 h5 h6 p blockquote ul li strong em del pre hr br table thead tbody tr th td"
ALLOWED = {"a": {"href"}, "code": {"class"}, "ol": {"start"}, **{tag: set() for tag in BARE.split()}}


class Reader(HTMLParser):
    """Checks tags and attributes, and collects the text."""

    def __init__(self, html):
        super().__init__()
        self.text = ""
        self.open = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert {name for name, _ in attrs} <= ALLOWED[tag]
        for _, value in (attribute for attribute in attrs if attribute[0] == "href"):
            assert value.partition(":")[0] in {"http", "https", "mailto", "matrix"}
        assert tag != "a" or "a" not in self.open
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = unknown_decl = handle_pi = handle_comment


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("plain", "<p>plain</p>"),
        ("**b** *i* ~~s~~ `c<`", "<p><strong>b</strong> <em>i</em> <del>s</del> <code>c&lt;</code></p>"),
        ("## Head", "<h2>Head</h2>"),
        ("one\ntwo", "<p>one<br>two</p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. a", '<ol start="3"><li>a</li></ol>'),
        ("> q", "<blockquote><p>q</p></blockquote>"),
        ("---", "<hr>"),
        ("```py x\n<\n```", '<pre><code class="language-py">&lt;\n</code></pre>'),
        ('```"onclick=x\ny\n```', "<pre><code>y\n</code></pre>"),
        ('[l](https://a.b "t")', '<p><a href="https://a.b">l</a></p>'),
        ("[l](matrix:u/a:b.c)", '<p><a href="matrix:u/a:b.c">l</a></p>'),
        ("[l](javascript:x)", "<p>[l](javascript:x)</p>"),
        ("[l](tg://x)", "<p>[l](tg://x)</p>"),
        ("![alt](https://a.b)", '<p><a href="https://a.b">alt</a></p>'),
        ("[![alt](https://i)](https://l)", '<p><a href="https://l">alt</a></p>'),
        ("<b>raw</b>", "<p>&lt;b&gt;raw&lt;/b&gt;</p>"),
        ("<script>", "<p>&lt;script&gt;</p>"),
        (
            "|a|b|\n|-|-:|\n|1|2|",
            "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
        ),
        ("```\nopen", "<pre><code>open</code></pre>"),
    ],
)
def test_examples(source, html):
    """Each kind of Markdown has its tags."""
    assert html == formatted(source).html
    Reader(html)


@given(SOURCES | st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_is_clean(source):
    """Whatever a model writes, there are only allowed tags, properly closed, and the body is what it wrote."""
    message = formatted(source)
    Reader(message.html)
    assert message.body == source


@given(st.lists(st.sampled_from(["word", "**bold one**", "`c d`", "<b>", "家庭", "\n\n", "- ", "> "])))
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost(fragments):
    """Every letter of the text is in the HTML, in order."""
    source = " ".join(fragments)
    assert words(Reader(formatted(source).html).text) == words(source)


def test_text_that_is_too_long_or_too_deep_is_shown_as_it_is():
    """It keeps its lines and nothing else."""
    deep = "> " * 500 + "<deep>"
    assert formatted(deep).html == deep.replace(">", "&gt;").replace("<", "&lt;")
    assert formatted("a\n" * 40_000).html == "a<br>" * 40_000


@given(SOURCES.map(lambda source: source * 20))
@example("****************``\n```**" * 20)
@settings(max_examples=30, deadline=None)
def test_pieces_fit_in_both_forms(source):
    """Text that the pipeline cuts by this measure fits, whatever its HTML makes of it."""
    parts = split(source, ReplyLimits(max_length=1000, measure=measure, min_edit_seconds=1))
    assert all(measure(part) <= 1000 for part in parts)


def test_both_forms_are_measured():
    """The length of a text is what both forms take in an event."""
    assert measure("家") == len("家<p>家</p>".encode())
