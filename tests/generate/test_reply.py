"""Replies with tools: what is read next, what was written, and when it ends."""

import pytest
from tiny_generation import byte_level, random_model

from prosa.generate.completion import Completion, Token
from prosa.generate.engine import Engine
from prosa.generate.reply import MAX_ROUNDS, _Exchange, announced, replies, stream, unannounced
from prosa.generate.sampling import Sampling
from prosa.generate.tools import Toolbox, ToolCall, builtin_tools
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import CALL, CHAT_TOKENS, END

TOKENIZER = byte_level(("<|endoftext|>", *CHAT_TOKENS))
ENCODER = ChatEncoder(TOKENIZER)
ASKED = [Message("user", "Quanto é 3,5*2?")]
CALLING = '<|call|>{"name": "calculator", "arguments": {"expression": "3,5*2"}}'
CONTEXT = 400


def wrote(text: str, ended_by: int | None = ENCODER.end_id) -> Completion:
    tokens = [Token(id, "", 0.0) for id in TOKENIZER.encode(text, allow_special=True)]
    return Completion("", "", tokens, "length" if ended_by is None else "stop", ended_by)


def exchange(*turns: Completion, toolbox: Toolbox | None = None, context: int = CONTEXT) -> _Exchange:
    made = _Exchange(ENCODER, ENCODER.prompt(ASKED), 0)
    for n, turn in enumerate(turns):
        assert made.finish_reason is None, n
        made.take(turn, toolbox, context)
    return made


@pytest.fixture
def toolbox():
    return Toolbox(builtin_tools("pt"))


def test_a_reply_without_tools():
    made = exchange(wrote("Dá 7.")).reply()
    assert made.messages == (Message("assistant", "Dá 7."),)
    assert (made.text, made.finish_reason) == ("Dá 7.", "stop")
    assert made.ids == (*TOKENIZER.encode("Dá 7."), ENCODER.end_id)
    assert all(made.written)


def test_a_call_is_run_and_its_result_read_as_a_conversation_would_be(toolbox):
    going = exchange(wrote("Vejamos." + CALLING), toolbox=toolbox)
    call = ToolCall("calculator", {"expression": "3,5*2"})
    turns = [*ASKED, Message("assistant", "Vejamos.", (call,)), Message("tool", "7")]
    assert going.read == ENCODER.prompt(turns)
    going.take(wrote("Dá 7."), toolbox, CONTEXT)
    made = going.reply()
    assert made.messages == (*turns[1:], Message("assistant", "Dá 7."))
    whole = ENCODER.encode([*ASKED, *made.messages])
    assert [*ENCODER.prompt(ASKED), *made.ids] == whole.ids.tolist()
    assert [False] * len(ENCODER.prompt(ASKED)) + list(made.written) == whole.written.tolist()


def test_several_calls_and_one_that_cannot_be_read(toolbox):
    made = exchange(wrote(CALLING + "<|call|>nonsense" + CALLING), toolbox=toolbox)
    turn, *results = made.messages
    assert [call.name for call in turn.calls] == ["calculator", "", "calculator"]
    assert [result.content for result in results][::2] == ["7", "7"]
    assert results[1].content.startswith(("Error", "Erro"))
    assert made.finish_reason is None


def test_calls_that_are_not_run(toolbox):
    assert exchange(wrote(CALLING)).reply().finish_reason == "stop"  # no toolbox
    cut = exchange(wrote(CALLING, ended_by=None), toolbox=toolbox).reply()  # unfinished
    assert (cut.finish_reason, len(cut.messages)) == ("length", 1)
    assert len(exchange(wrote(CALLING, ended_by=TOKENIZER.end_of_text), toolbox=toolbox).reply().messages) == 1
    endless = exchange(*[wrote(CALLING)] * (MAX_ROUNDS + 1), toolbox=toolbox).reply()
    assert (endless.finish_reason, len(endless.messages)) == ("stop", 2 * MAX_ROUNDS + 1)


def test_a_result_that_fills_the_context(toolbox):
    fits = len(exchange(wrote(CALLING), toolbox=toolbox).read)
    assert exchange(wrote(CALLING), toolbox=toolbox, context=fits).finish_reason is None
    made = exchange(wrote(CALLING), toolbox=toolbox, context=fits - 1).reply()
    assert (made.text, made.finish_reason) == ("", "length")


def test_control_ids_within_a_turn_are_not_text():
    made = exchange(wrote("um<|user|>dois<|tool|>")).reply()
    assert made.text == "umdois"
    assert TOKENIZER.special_tokens["<|user|>"] in made.ids  # but it was written


def test_streamed_and_batched_are_the_same_and_samples_differ():
    assert {CALL, END} <= TOKENIZER.special_tokens.keys()
    engine = Engine(random_model("modern", TOKENIZER.vocab_size, seed=2), TOKENIZER, device="cpu", precision="float32")
    sampling = Sampling(seed=5)
    talks = [ASKED, [Message("system", "Sê breve."), *ASKED]]
    made = replies(engine, ENCODER, talks, sampling, max_tokens=20, samples=3)
    assert len({reply.ids for reply in made}) == 6
    parts = []

    def consume():
        parts.append((yield from stream(engine, ENCODER, ENCODER.prompt(talks[1]), sampling, max_tokens=20)))

    tokens = [item for item in consume() if isinstance(item, Token)]
    assert parts == [made[3]]
    assert [token.id for token in tokens] == [id for id in made[3].ids if id not in engine._ends]
    (alone,) = engine.generate([ENCODER.prompt(ASKED)], sampling, max_tokens=20, samples=[2])
    assert [token.id for token in alone.tokens] == [id for id in made[2].ids if id not in engine._ends]


def test_a_sample_is_streamed_too():
    engine = Engine(random_model("modern", TOKENIZER.vocab_size, seed=2), TOKENIZER, device="cpu", precision="float32")
    made = replies(engine, ENCODER, [ASKED], Sampling(seed=5), max_tokens=20, samples=3)
    parts = []

    def consume():
        prompt = ENCODER.prompt(ASKED)
        parts.append((yield from stream(engine, ENCODER, prompt, Sampling(seed=5), max_tokens=20, sample=2)))

    assert list(consume())
    assert parts == [made[2]]


def test_a_turn_is_given_out_before_what_it_calls_is_run(toolbox):
    going = _Exchange(ENCODER, ENCODER.prompt(ASKED), 0)
    turns = going.turns(wrote(CALLING), toolbox, CONTEXT)
    assert next(turns).calls[0].name == "calculator"
    toolbox.answer = lambda text: pytest.fail("run")
    turns.close()
    assert [message.role for message in going.messages] == ["assistant"]


def test_tools_are_taken_out_of_the_system_turn_whichever_they_were():
    brief = Message("system", "Sê breve.\n\nNão calcules (nunca).")
    for toolbox in (Toolbox(builtin_tools("pt")), Toolbox(builtin_tools("pt")[:1])):
        for talk in (ASKED, [brief, *ASKED], [Message("system", "f(x)\nou g"), *ASKED]):
            assert unannounced(announced(talk, toolbox)) == unannounced(talk) == talk


def test_the_tools_are_announced_after_what_the_system_turn_says():
    toolbox = Toolbox(builtin_tools("pt")[:2])
    told = Message("system", "calculator(expression)\ntoday()")
    assert announced(ASKED, toolbox) == [told, *ASKED]
    briefed = announced([Message("system", "Sê breve."), *ASKED], toolbox)
    assert briefed == [Message("system", "Sê breve.\n\n" + told.content), *ASKED]
    assert announced(ASKED, None) == announced(ASKED, Toolbox()) == ASKED
