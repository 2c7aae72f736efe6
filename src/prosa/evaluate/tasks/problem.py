"""One problem, and the hash that says whether it belongs to training or to the test.

A problem's ``key`` names what is asked, whatever the seed, the wording or the language: ``arithmetic:48+76`` is the key
of 48 + 76 and of 76 + 48, in Portuguese and in English, as a question and as a multiple choice. Its side is a hash of
the key alone, the same for all tasks, so that nothing can stand on both sides: not a problem in another wording, not
12 + 34 met again among the three-digit sums, and no list of what is held out has to be kept.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from prosa.core.language import Lang
from prosa.tokenizers.chat import ToolCall

Split = Literal["train", "test"]

# GPT-3 asks 2,000 distinct problems of spaces as small as 9,000 (1DC) and 10,000 (2D+): a fifth would not be safely
# enough of the 9,000, since commuted pairs fall together; a quarter is, and leaves three quarters to learn from.
TEST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Problem:
    """A prompt with the answer that is right.

    Attributes:
        task: the task's name in the registry.
        key: what is held out together.
        accepted: further right answers, where there are several.
        call: the call of a built-in tool that finds the answer, where there is one.
    """

    task: str
    prompt: str
    answer: str
    language: Lang
    split: Split
    key: str
    accepted: tuple[str, ...] = ()
    call: ToolCall | None = None


def split_of(key: str) -> Split:
    """The side that problems with this key are on: a quarter of all keys are test."""
    digest = hashlib.blake2b(key.encode("utf-8"), digest_size=8).digest()
    return "test" if int.from_bytes(digest, "big") < TEST_SHARE * 2**64 else "train"
