"""What a token has added to a text, in bytes, wherever a stop string cuts it."""

import codecs
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.generate.completion import Token
from prosa.generate.writer import Writer
from prosa.serve.token_forms import written_bytes

PIECES = [b"a", b"b", b"ab", b"\xc3", b"\xa3", b"\xa3b", "ãa".encode(), b"\xf0\x9f", b"\x98\x80", b"a\xc3", b"b\xf0"]


class Pieces:
    def __init__(self):
        self.utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def incomplete(self):
        return self.utf8.getstate()[0] != b""

    def push(self, id):
        return self.utf8.decode(PIECES[id])

    def finish(self):
        return self.utf8.decode(b"", final=True)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=12),
    st.lists(st.sampled_from(["a", "ab", "bab", "ã", "ãa", "😀", "b😀"]), min_size=1, max_size=3),
)
def test_the_bytes_of_the_tokens_make_the_text(ids, stop):
    writer, tokens = Writer(Pieces(), frozenset(), tuple(stop)), []
    for id in ids:
        tokens += writer.add(Token(id, "", -1.0))
        if writer.stopped:
            break
    else:
        tokens += writer.finish()
    text = "".join(token.text for token in tokens)
    tokenizer = SimpleNamespace(special_tokens={}, token_bytes=PIECES.__getitem__)
    if "\ufffd" not in text and writer.stopped:
        assert b"".join(written_bytes(tokenizer, token) for token in tokens) == text.encode()
