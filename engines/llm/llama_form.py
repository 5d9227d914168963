"""The form of an answer: grammars and JSON schemas. The library is handed in: only `llama_library.py` imports it."""

import json
from collections.abc import Callable
from typing import Any

from engines.errors import GrammarError
from engines.llm.request import SamplingParams


class LlamaForms:
    """Makes the sampler that lets only tokens through which fit the form. Safe to call from any thread.

    `to_grammar` turns a JSON schema into GBNF, and raises whatever it likes where it cannot.
    """

    def __init__(self, lib: Any, vocab: Any, to_grammar: Callable[[str], str]) -> None:
        self._lib = lib
        self._vocab = vocab
        self._to_grammar = to_grammar

    def check(self, params: SamplingParams) -> None:
        """Raises GrammarError when there is a form and it cannot be used."""
        if sampler := self.sampler(params):
            self._lib.llama_sampler_free(sampler)

    def sampler(self, params: SamplingParams) -> Any:
        """A llama.cpp sampler, or none without a form. Raises GrammarError."""
        grammar = self._grammar(params)
        if grammar is None:
            return None
        # An empty grammar would let everything through.
        sampler = self._lib.llama_sampler_init_grammar(self._vocab, grammar.encode(), b"root") if grammar else None
        if not sampler:
            raise GrammarError("grammar.invalid", detail="it is no GBNF with a rule called root")
        return sampler

    def _grammar(self, params: SamplingParams) -> str | None:
        if params.json_schema is None:
            return params.grammar
        if params.grammar is not None:
            raise GrammarError("grammar.schema", detail="there is a grammar as well")
        try:
            _refuse_links(json.loads(params.json_schema))
            return self._to_grammar(params.json_schema)
        except Exception as error:  # the converter's own, of many kinds: all say that the schema is none
            raise GrammarError("grammar.schema", detail=str(error) or type(error).__name__) from error


def _refuse_links(schema: Any) -> None:
    """The converter would fetch them from the network."""
    if isinstance(schema, dict):
        if not str(schema.get("$ref", "#")).startswith("#"):
            raise ValueError(f"{schema['$ref']} lies outside of the schema")
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _refuse_links(part)
