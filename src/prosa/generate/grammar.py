"""Text that follows a grammar: JSON of a schema, or calls of tools, by ``llguidance`` (extra ``serve``).

At every step the grammar tells which tokens may come next; the others' logits become -inf (adjust.py). What ends a turn
may come where the text is whole, and only there. JSON is written as ``json.dumps`` does, with one blank after commas
and colons: it is what the models learn from, and a model that may put blanks anywhere may do so for ever.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.config import CALL, END
from prosa.tokenizers.protocol import Tokenizer

_LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Grammar:
    """What a completion must be, for any number of them.

    Args:
        vocabulary: the tokenizer's.
        text: in llguidance's dialect of Lark.

    Raises:
        UserError: it cannot be followed.
    """

    def __init__(self, vocabulary: "Vocabulary", text: str) -> None:
        self._first = vocabulary.matcher(text)
        if self._first.is_error():
            why = _why(self._first)
            raise UserError(tr(f"not a schema that can be followed: {why}", f"esquema que não se pode seguir: {why}"))
        self._ends = vocabulary.ends

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
        """Raise a ``UserError`` if the grammar could not be followed to its end."""
        if self._inner.is_error():
            why = _why(self._inner)
            raise UserError(tr(f"the schema could not be followed: {why}", f"não foi possível seguir o esquema: {why}"))


class Vocabulary:
    """A tokenizer as llguidance needs it; made once, it serves all grammars.

    Raises:
        UserError: llguidance is not installed.
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
        wrapper = llguidance.TokenizerWrapper(_Told(tokenizer, self.ends[0]))
        self._tokenizer = llguidance.LLTokenizer(wrapper, eos_token=self.ends)

    def matcher(self, text: str) -> Any:
        """llguidance's own."""
        return self._guidance.LLMatcher(self._tokenizer, self._guidance.LLMatcher.grammar_from_lark(text), log_level=0)

    def json_object(self) -> Grammar:
        """Any JSON object."""
        return self.json_schema({"type": "object"})

    def json_schema(self, schema: Mapping[str, Any]) -> Grammar:
        """JSON of a schema.

        Raises:
            UserError: the schema says what cannot be followed.
        """
        return Grammar(self, f"start: %json {_laid_out(schema)}")

    def calls(self, tools: Iterable[tuple[str, Mapping[str, Any]]], *, most: int | None = 1) -> Grammar:
        """A call of one of these tools, or several.

        Args:
            tools: names, and the schemas of their parameters.
            most: calls of a turn; None: any number.

        Raises:
            UserError: as ``json_schema``.
        """
        of_each: Sequence[Mapping[str, Any]] = [
            {
                "type": "object",
                "properties": {"name": {"const": name}, "arguments": parameters},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for name, parameters in tools
        ]
        schema = of_each[0] if len(of_each) == 1 else {"anyOf": of_each}
        times = "+" if most is None else f"{{1,{most}}}"
        return Grammar(self, f"start: call{times}\ncall: {CALL} json\njson: %json {_laid_out(schema)}")


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
    return str(matcher.get_error()).strip().partition("\n")[0]


def _laid_out(schema: Mapping[str, Any]) -> str:
    return json.dumps({**schema, "x-guidance": _LAYOUT})
