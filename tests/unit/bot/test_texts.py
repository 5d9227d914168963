"""Every sentence a user can read."""

import ast
import re
import string
from pathlib import Path

import pytest

import bot.errors
import engines.errors
import knowledge.errors
from bot.texts import LANGUAGES, en, for_error, language_of, say, zh
from engines.errors import ModelLoadError, UnsupportedMedia

ROOT = Path(__file__).parents[3]


def placeholders(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def error_classes():
    for module, root in (
        (bot.errors, bot.errors.BotError),
        (engines.errors, engines.errors.EngineError),
        (knowledge.errors, knowledge.errors.KnowledgeError),
    ):
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, root):
                yield module, item


def test_the_languages_say_the_same():
    """Each code has a sentence in each language, with the same arguments."""
    assert set(en.SENTENCES) == set(zh.SENTENCES)
    different = [code for code in en.SENTENCES if placeholders(en.SENTENCES[code]) != placeholders(zh.SENTENCES[code])]
    assert different == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_a_sentence_for_users(language):
    """Each code that an error class can carry is sayable with that error's arguments."""
    unsaid = [
        (error.__name__, code)
        for _, error in error_classes()
        for code, sentence in error.sentences.items()
        if code not in LANGUAGES[language] or not placeholders(LANGUAGES[language][code]) <= placeholders(sentence)
    ]
    assert unsaid == []


@pytest.mark.parametrize("module", [bot.errors, engines.errors, knowledge.errors])
def test_the_drawn_tree_is_the_real_one(module):
    """The tree in the module's docstring names exactly the classes that there are."""
    drawn = set(re.findall(r"^[│├└─ ]*(\w+)$", module.__doc__, re.MULTILINE))
    real = {error.__name__ for of, error in error_classes() if of is module}
    assert real == drawn


def test_no_sentence_is_left_over():
    """Every sentence is used: its code, or the beginning of its code, stands in the source."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "bot").rglob("*.py")
        if path.parent.name != "texts" or path.name == "__init__.py"
    )
    codes_in_errors = {code for _, error in error_classes() for code in error.sentences}
    strings = {node.value for node in ast.walk(ast.parse(source.replace("from __future__", "#"))) if is_text(node)}
    prefixes = {text for text in strings if text.endswith(".")}
    unused = [
        code
        for code in en.SENTENCES
        if code not in strings | codes_in_errors and not any(code.startswith(prefix) for prefix in prefixes)
    ]
    assert unused == []


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_an_error_says_its_own_sentence():
    """A known error speaks for itself, in the language asked for."""
    error = ModelLoadError("model.missing", path="/m.gguf")
    assert "There is no model file at /m.gguf" in for_error(error, "en")
    assert "/m.gguf 处没有模型文件" in for_error(error, "zh")


def test_an_argument_may_be_called_like_a_parameter():
    """The language that Tesseract lacks is not the language of the sentence."""
    error = UnsupportedMedia("ocr.missing_language", language="deu", package="tesseract-ocr-deu")
    assert "apt-get install tesseract-ocr-deu" in for_error(error, "zh")


def test_an_unknown_error_shows_nothing_of_itself():
    """Somebody else's exception becomes the apology with the request's number."""
    said = for_error(ValueError("secret detail"), "en", request_id="ab12")
    assert "secret" not in said
    assert "ab12" in said


@pytest.mark.parametrize(
    ("text", "default", "language"),
    [
        ("hello", "en", "en"),
        ("你好", "en", "zh"),
        ("hello", "zh", "en"),
        ("", "zh", "zh"),
        ("これは何ですか漢字", "en", "en"),
        ("Grüße", "zh", "zh"),
    ],
)
def test_language_of(text, default, language):
    """Chinese characters mean Chinese, plain ASCII English, and the rest the default."""
    assert language == language_of(text, default)


def test_an_unknown_language_falls_back():
    """A language without sentences gets the English ones."""
    assert say("state.ok", "fr") == en.SENTENCES["state.ok"]
