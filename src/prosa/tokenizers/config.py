"""How a tokenizer is trained, the control tokens, and the vocabulary size that fits a corpus."""

from dataclasses import dataclass
from typing import Literal

from prosa.core.errors import UserError
from prosa.core.language import tr

Kind = Literal["bpe", "wordpiece", "unigram", "char", "word-v1", "word-v2"]

END_OF_TEXT = "<|endoftext|>"
UNKNOWN = "<|unk|>"
CALL, END = "<|call|>", "<|end|>"
CHAT_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", CALL, END)

# <|role|>content<|end|>, an assistant's calls of tools before its <|end|>: no plain text of the template touches the
# content, so that encoding the whole string and encoding segment by segment agree (``chat.py``). A call's arguments may
# be JSON text, as in OpenAI's form, or an object.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message['role'] not in ['system', 'user', 'assistant', 'tool'] -%}
{{- raise_exception('unknown role: ' + message['role']) -}}
{%- endif -%}
{{- '<|' + message['role'] + '|>' + (message['content'] or '') -}}
{%- for call in message['tool_calls'] or [] -%}
{%- set function = call['function'] or call -%}
{%- set arguments = function['arguments'] -%}
{{- '<|call|>{"name": ' + function['name'] | tojson + ', "arguments": ' -}}
{{- (arguments if arguments is string else arguments | tojson) + '}' -}}
{%- endfor -%}
{{- '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>' -}}
{%- endif -%}
"""

BYTES_A_TOKEN = 2400
SMALLEST, LARGEST, MULTIPLE = 512, 32768, 64


@dataclass(frozen=True)
class TokenizerConfig:
    """What to train.

    Args:
        kind: bpe (byte-level, the default), wordpiece, unigram (byte-level), char, word-v1 or word-v2.
        vocab_size: entries, special tokens included; 0 = automatic: one for each 2,400 bytes of corpus, from 512 to
            32,768. char and words hold every character or word of the corpus, and take only 0.
        min_frequency: bpe and wordpiece do not merge a pair seen fewer times; 0 or more.
        special_tokens: control tokens; their ids come last, in this order (words: word-v1 has none, word-v2 its two).
    """

    kind: Kind = "bpe"
    vocab_size: int = 0
    min_frequency: int = 2
    special_tokens: tuple[str, ...] = (END_OF_TEXT, *CHAT_TOKENS)

    def __post_init__(self) -> None:
        least = 256 + len(self.special_tokens)
        if self.kind in ("char", "word-v1", "word-v2"):
            if self.vocab_size:
                raise UserError(
                    tr(
                        f"tokenizer: vocab_size {self.vocab_size} does not apply to {self.kind}, "
                        "which holds all it sees.",
                        f"tokenizador: vocab_size {self.vocab_size} não se aplica a {self.kind}, "
                        "que guarda tudo o que vê.",
                    ),
                    tr("Set vocab_size to 0 (automatic).", "Use vocab_size 0 (automático)."),
                )
        elif self.vocab_size and self.vocab_size < least:
            raise UserError(
                tr(
                    f"tokenizer: vocab_size {self.vocab_size} is too small.",
                    f"tokenizador: vocab_size {self.vocab_size} é pequeno demais.",
                ),
                tr(
                    f"256 bytes and {len(self.special_tokens)} special tokens need at least {least}; 0 is automatic.",
                    f"256 bytes e {len(self.special_tokens)} tokens especiais exigem pelo menos {least}; "
                    "0 é automático.",
                ),
            )
        if not 0 <= self.min_frequency < 2**32:
            raise UserError(
                tr(
                    f"tokenizer: min_frequency is {self.min_frequency}; it must be 0 or more, and below 2^32.",
                    f"tokenizador: min_frequency é {self.min_frequency}; deve ser 0 ou mais, e menor que 2^32.",
                )
            )
        names = list(self.special_tokens)
        if len(set(names)) != len(names) or any(len(name) < 2 for name in names):
            raise UserError(
                tr(
                    f"tokenizer: special_tokens has a repeated name or one of fewer than two characters: {names}",
                    f"tokenizador: special_tokens tem nome repetido ou de menos de dois caracteres: {names}",
                )
            )


def automatic_vocab_size(corpus_bytes: int) -> int:
    """One entry for each 2,400 bytes of corpus (about 600 tokens), a multiple of 64, from 512 to 32,768.

    An entry seen some hundred times is one a small model can learn: 1 MB gives 512, 11 MB 4,544, 80 MB 32,768.
    """
    size = corpus_bytes // BYTES_A_TOKEN // MULTIPLE * MULTIPLE
    return min(max(size, SMALLEST), LARGEST)
