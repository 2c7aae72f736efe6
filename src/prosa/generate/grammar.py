"""Text that follows a grammar: JSON of a schema, or calls of tools, by ``llguidance`` (extra ``serve``).

At every step the grammar tells which tokens may come next; the others' logits become -inf (adjust.py). What ends a turn
may come where the text is whole, and only there. JSON is written as ``json.dumps`` does, with one blank after commas
and colons: it is what the models learn from, and a model that may put blanks anywhere may do so for ever.

A ``Grammar`` never changes, and serves any number of completions and threads.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.config import CALL, END
from prosa.tokenizers.protocol import Tokenizer

LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
INEXACT = ("wordpiece", "wordlevel", "word-v1", "word-v2")
"""Tokenizers whose tokens do not spell the text: blanks come between them as they are decoded."""


def json_object(tokenizer: Tokenizer) -> "Grammar":
    """Any JSON object.

    Raises:
        UserError: llguidance is not installed, or the tokenizer's tokens do not spell the text.
    """
    return json_schema(tokenizer, {"type": "object"})


def json_schema(tokenizer: Tokenizer, schema: Mapping[str, Any]) -> "Grammar":
    """JSON of a schema.

    Raises:
        UserError: as ``json_object``; the schema says what cannot be followed.
    """
    return Grammar(tokenizer, f"start: %json {_laid_out(schema)}")


def tool_call(
    tokenizer: Tokenizer, tools: Sequence[tuple[str, Mapping[str, Any]]], *, most: int | None = 1
) -> "Grammar":
    """A call of one of these tools, or several: the control token, then ``{"name": ..., "arguments": {...}}``.

    Args:
        tools: names, and the schemas of their parameters.
        most: calls of a turn; None: any number.

    Raises:
        UserError: as ``json_schema``; there are no tools, or the tokenizer has no token for a call.
    """
    return Grammar(tokenizer, "\n".join(["start: " + _times(most, least=1), *_calls(tokenizer, tools)]))


def text_or_calls(
    tokenizer: Tokenizer,
    tools: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    most: int | None = 1,
    schema: Mapping[str, Any] | None = None,
) -> "Grammar":
    """Any text, and after it calls or none; with a schema, JSON of it or calls.

    Raises:
        UserError: as ``tool_call``.
    """
    rules = _calls(tokenizer, tools)
    if schema is None:
        return Grammar(tokenizer, "\n".join([f"start: TEXT {_times(most, least=0)}", r"TEXT: /(.|\n)*/", *rules]))
    rules = [f"start: answer | {_times(most, least=1)}", f"answer: %json {_laid_out(schema)}", *rules]
    return Grammar(tokenizer, "\n".join(rules))


def _times(most: int | None, *, least: int) -> str:
    """Calls, so many."""
    return f"call{{{least},{most}}}" if most is not None else "call+" if least else "call*"


def _calls(tokenizer: Tokenizer, tools: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """The rule ``call``, and those it needs."""
    if not tools:
        raise UserError(tr("there is no tool to call.", "não há ferramenta para chamar."))
    if CALL not in tokenizer.special_tokens:
        raise UserError(
            tr(f"the tokenizer has no {CALL}: no tool can be called.", f"o tokenizador não tem {CALL}."),
            tr("Calls need a model that prosa sft has trained.", "Chamadas exigem um modelo treinado por prosa sft."),
        )
    rules = [f"call: {CALL} (" + " | ".join(f"tool{n}" for n in range(len(tools))) + ")"]
    for n, (name, parameters) in enumerate(tools):  # each schema is a rule: its "#/..." refer to itself
        begin = '{"name": ' + json.dumps(name, ensure_ascii=False) + ', "arguments": '
        rules += [f'tool{n}: {json.dumps(begin)} arguments{n} "}}"', f"arguments{n}: %json {_laid_out(parameters)}"]
    return rules


class Unfollowed(UserError):
    """A grammar became too complex in the middle of a text."""


class Grammar:
    """What a completion must be, for any number of them.

    Args:
        text: in llguidance's dialect of Lark.

    Raises:
        UserError: it cannot be followed.
    """

    def __init__(self, tokenizer: Tokenizer, text: str) -> None:
        vocabulary = _vocabulary(tokenizer)  # type: ignore[arg-type]  # a protocol, though all are hashable
        self._first = vocabulary.matcher(text)
        if self._first.is_error():
            why = _why(self._first)
            raise UserError(tr(f"not a schema that can be followed: {why}", f"esquema que não se pode seguir: {why}"))
        self._ends = vocabulary.ends
        first = self._first.deep_copy()
        first.compute_bitmask()
        if first.is_error():
            why = _why(first)
            raise UserError(tr(f"no text can follow the schema: {why}", f"nenhum texto pode seguir o esquema: {why}"))

    def matcher(self) -> "Matcher":
        """For one completion."""
        return Matcher(self._first.deep_copy(), self._ends)


class Matcher:
    """Where one completion stands in its grammar.

    Where that becomes too complex to go on, the text ends, and ``check`` says why.
    """

    def __init__(self, inner: Any, ends: Sequence[int]) -> None:
        self._inner, self._ends = inner, list(ends)

    def allowed(self, vocabulary: int) -> Tensor:
        """(vocabulary,) bool: what may come next."""
        found = np.zeros(vocabulary, dtype=np.bool_)
        bits = np.frombuffer(self._inner.compute_bitmask(), dtype=np.uint8)
        if self._inner.is_error():
            found[self._ends] = True
        else:
            known = np.unpackbits(bits, bitorder="little")[:vocabulary]
            found[: len(known)] = known
        return torch.from_numpy(found)

    def take(self, id: int) -> None:
        """Go on by a token."""
        self._inner.consume_token(id)

    def check(self) -> None:
        """Raise ``Unfollowed`` if the grammar could not be followed to its end."""
        if self._inner.is_error():
            why = _why(self._inner)
            told = f"the schema could not be followed: {why}", f"não foi possível seguir o esquema: {why}"
            raise Unfollowed(tr(*told))


class Vocabulary:
    """A tokenizer as llguidance needs it; made once, it serves all grammars.

    Raises:
        UserError: llguidance is not installed; the tokenizer's tokens do not spell the text, or none ends one.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        try:
            import llguidance
        except ImportError as error:
            raise UserError(
                tr("to follow a schema needs the package llguidance.", "seguir um esquema exige o pacote llguidance."),
                "pip install 'prosa[serve]'",
            ) from error

        self._guidance = llguidance
        self.ends = [id for id in (tokenizer.special_tokens.get(END), tokenizer.end_of_text) if id is not None]
        if tokenizer.kind in INEXACT:
            raise UserError(
                tr(
                    f"a {tokenizer.kind} tokenizer cannot follow a schema: its tokens do not spell the text.",
                    f"um tokenizador {tokenizer.kind} não pode seguir um esquema: seus tokens não soletram o texto.",
                )
            )
        if not self.ends:
            raise UserError(
                tr("no token of the tokenizer ends a text.", "nenhum token do tokenizador encerra um texto."),
            )
        wrapper = llguidance.TokenizerWrapper(_Told(tokenizer, self.ends[0]))
        self._tokenizer = llguidance.LLTokenizer(wrapper, eos_token=self.ends)

    def matcher(self, text: str) -> Any:
        """llguidance's own."""
        return self._guidance.LLMatcher(self._tokenizer, self._guidance.LLMatcher.grammar_from_lark(text), log_level=0)


@lru_cache(maxsize=8)
def _vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    return Vocabulary(tokenizer)


class _Told:
    """What llguidance asks of a tokenizer."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer, end: int) -> None:
        names = {id: name.encode() for name, id in tokenizer.special_tokens.items()}
        self.eos_token_id = end
        self.special_token_ids = sorted(names)
        self.tokens = [names.get(id) or tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)]
        self._tokenizer = tokenizer

    def __call__(self, text: str) -> list[int]:
        return self._tokenizer.encode(text)


def _why(matcher: Any) -> str:
    """llguidance's own words, without the grammar that it shows and what points into it."""
    said = re.split(r"\n\s*\d+ \| |\n<state>", str(matcher.get_error()))[0]
    lines = [line.strip() for line in said.rpartition("failed to compile JSON schema: ")[2].split("\n")]
    said = " ".join(line for line in lines if line.strip("^")).removeprefix("Parser Error: ")
    return re.sub(r"(?<!parse) error: ", ", error: ", said)[:500]


def _laid_out(schema: Mapping[str, Any]) -> str:
    try:
        return json.dumps({**schema, "x-guidance": LAYOUT}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        why = tr("it is not JSON, or too deep", "não é JSON, ou é profundo demais")
        raise UserError(tr(f"not a schema: {why}.", f"não é um esquema: {why}.")) from error
