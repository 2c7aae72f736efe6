"""A chat's memory: what the model reads is what it wrote, whatever it wrote, and what no longer fits is left out."""

import itertools
from dataclasses import replace

import pytest
from tiny_generation import byte_level, random_model

from prosa.core.errors import UserError
from prosa.generate.completion import Token
from prosa.generate.engine import Engine
from prosa.generate.reply import announced, replies
from prosa.generate.sampling import Sampling
from prosa.generate.session import Session
from prosa.generate.tools import Toolbox, ToolCall, builtin_tools
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import CHAT_TOKENS
from scripted import CALL, ScriptedEngine

TOKENIZER = byte_level(("<|endoftext|>", *CHAT_TOKENS))
ENCODER = ChatEncoder(TOKENIZER)
CALCULATOR = Toolbox(builtin_tools("pt")[:1])
CALLED = ToolCall("calculator", {"expression": "3,5*2"})


def session(*texts: str, context: int = 400, system: str = "", toolbox: Toolbox | None = None, max_tokens: int = 100):
    engine = ScriptedEngine(ENCODER, *texts, context=context)
    made = Session(engine, ENCODER, system=system, sampling=Sampling(), max_tokens=max_tokens, toolbox=toolbox)
    return made, engine


def ask(made: Session, text: str) -> str:
    list(made.ask(text))
    return made.exchanges[-1].text


def said(*contents: str) -> list[Message]:
    return [Message("assistant" if n % 2 else "user", content) for n, content in enumerate(contents)]


def test_each_question_is_read_after_all_that_was_said():
    made, engine = session("Sou eu.", "Um cão.", system="Sê breve.")
    assert [ask(made, "Quem é?"), ask(made, "O que é isso?")] == ["Sou eu.", "Um cão."]
    system = Message("system", "Sê breve.")
    turns = said("Quem é?", "Sou eu.", "O que é isso?", "Um cão.")
    assert engine.read == [ENCODER.prompt([system, *turns[:1]]), ENCODER.prompt([system, *turns[:3]])]
    assert made.messages == [system, *turns]
    assert made.reads() == ENCODER.encode(made.messages).ids.tolist()


@pytest.mark.parametrize("toolbox", [None, CALCULATOR])
def test_what_the_model_reads_is_what_it_wrote(toolbox):
    """A random model writes what no encoder would: it is read as it was written, not as its text is encoded."""
    model = random_model("modern", TOKENIZER.vocab_size, seed=2, context=600)
    engine = Engine(model, TOKENIZER, device="cpu", precision="float32")
    made = Session(engine, ENCODER, sampling=Sampling(seed=3), max_tokens=40, toolbox=toolbox)
    read = ENCODER.encode(announced([], toolbox)).ids.tolist()
    for question in ("a?", "b?", "c?"):
        written = [item.id for item in made.ask(question) if isinstance(item, Token)]
        read += [*ENCODER.prompt([Message("user", question)]), *written, ENCODER.end_id]
        assert made.reads() == read
    assert made.exchanges[0].tokens in (40, len(made.exchanges[0].ids) - len(ENCODER.prompt(said("a?"))))
    assert made.reads() != ENCODER.encode(made.messages).ids.tolist()


def test_calls_and_results_are_read_as_they_were():
    made, engine = session("Vejamos." + CALL, "Dá 7.", "De nada.", toolbox=CALCULATOR)
    items = list(made.ask("Quanto é 3,5*2?"))
    turns = [item for item in items if isinstance(item, Message)]
    answer = [Message("assistant", "Vejamos.", (CALLED,)), Message("tool", "7"), Message("assistant", "Dá 7.")]
    assert turns == answer
    assert ask(made, "Obrigado!") == "De nada."
    asked = said("Quanto é 3,5*2?")
    for n, turns in enumerate([asked, asked + answer[:2], [*asked, *answer, Message("user", "Obrigado!")]]):
        assert engine.read[n] == ENCODER.prompt(announced(turns, CALCULATOR)), n
    assert made.messages == announced([*asked, *answer, *said("Obrigado!", "De nada.")], CALCULATOR)


def test_a_call_spelled_in_another_way_is_read_in_that_way():
    loose = CALL.replace(", ", ",").replace(": ", ":").replace("3,5*2", "3,5 * 2")
    made, engine = session(loose, "Dá 7.", "ok", toolbox=CALCULATOR)
    ask(made, "?")
    ask(made, "?")
    written = TOKENIZER.encode(loose, allow_special=True)
    assert any(engine.read[2][n : n + len(written)] == written for n in range(len(engine.read[2])))
    assert engine.read[2] != ENCODER.prompt([*made.messages[:-1]])


def test_calls_that_are_not_run_are_read_and_are_no_part_of_the_conversation():
    made, engine = session("Vejamos." + CALL, "ok")
    assert ask(made, "?") == "Vejamos."
    assert ENCODER.call_id in made.reads()
    ask(made, "!")
    assert made.messages == said("?", "Vejamos.", "!", "ok")
    assert engine.read[1][: len(made.exchanges[0].ids)] == list(made.exchanges[0].ids)


def test_retrying_gives_the_samples_of_the_question_one_after_the_other():
    model = random_model("modern", TOKENIZER.vocab_size, seed=2, context=600)
    engine = Engine(model, TOKENIZER, device="cpu", precision="float32")
    made = Session(engine, ENCODER, sampling=Sampling(seed=5), max_tokens=12)
    list(made.ask("Olá!"))
    list(made.ask("E então?"))
    talk = made.messages[:-1]
    found = [made.exchanges[-1]]
    for _ in range(2):
        list(made.retry())
        found.append(made.exchanges[-1])
    assert made.messages[:-1] == talk
    (first,) = replies(engine, ENCODER, [said("Olá!")], made.sampling, max_tokens=12)
    assert made.exchanges[0].text == first.text
    prompt = [*made.exchanges[0].ids, *ENCODER.prompt(talk[-1:])]
    alone = engine.generate([prompt] * 3, made.sampling, max_tokens=12, samples=[0, 1, 2])
    assert [e.text for e in found] == [c.text for c in alone]
    assert len({e.text for e in found}) == 3


def test_undo_and_clear_take_back_and_the_rest_stays():
    made, engine = session("um", "dois", "três", "quatro", system="Sê breve.")
    for question in "abc":
        ask(made, question)
    assert made.undo().messages == (*said("c", "três"),)
    assert made.messages[1:] == said("a", "um", "b", "dois")
    made.clear()
    assert made.messages == [Message("system", "Sê breve.")]
    for empty in (made.undo, made.retry):
        with pytest.raises(UserError, match="no question yet"):
            empty()
    ask(made, "d")
    assert engine.read[-1] == ENCODER.prompt([Message("system", "Sê breve."), *said("d")])


def stopped_after(made: Session, n: int, question: str = "?") -> None:
    items = made.ask(question)
    list(itertools.islice(items, n))
    items.close()


def test_an_answer_that_is_stopped_keeps_what_was_written():
    made, engine = session("Olá, como vai?", "ok")
    stopped_after(made, 4)
    assert (made.exchanges[0].text, made.exchanges[0].ending, made.exchanges[0].tokens) == ("Olá"[:2] + "á", "cut", 4)
    ask(made, "!")
    assert engine.read[1] == ENCODER.prompt(said("?", "Olá", "!"))


def test_ctrl_c_within_the_engine_stops_an_answer_too():
    made, _ = session("Olá<|stop|>, como vai?")
    with pytest.raises(KeyboardInterrupt):
        ask(made, "?")
    assert [e.text for e in made.exchanges] == ["Olá"]
    assert made.exchanges[0].ending == "cut"


@pytest.mark.parametrize("begun", ["", " ", CALL[:30], " " + CALL])
def test_an_answer_stopped_before_a_word_leaves_all_as_it_was(begun):
    made, _ = session("um", begun + "<|stop|>", begun + "<|stop|>")
    ask(made, "a")
    before = list(made.exchanges)
    for again in (lambda: made.ask("b"), made.retry):
        with pytest.raises(KeyboardInterrupt):
            list(again())
        assert made.exchanges == before


def test_an_answer_stopped_while_tools_run_keeps_the_rounds_that_have_all_results(monkeypatch):
    def answer(text: str):
        if calls.pop(0):
            raise KeyboardInterrupt
        return run(text)

    run = CALCULATOR.answer
    monkeypatch.setattr(CALCULATOR, "answer", answer)
    calls = [False, False, True]  # the second round's second call
    made, engine = session("Um." + CALL, "Dois." + CALL + CALL, "ok", toolbox=CALCULATOR, context=999, max_tokens=300)
    with pytest.raises(KeyboardInterrupt):
        ask(made, "?")
    kept = [*said("?"), Message("assistant", "Um.", (CALLED,)), Message("tool", "7"), Message("assistant", "Dois.")]
    assert made.messages == announced(kept, CALCULATOR)
    ask(made, "!")
    assert engine.read[-1] == ENCODER.prompt(announced([*kept, *said("!")], CALCULATOR))


def test_why_an_answer_ended():
    made, _ = session("abcdef", "abcdef", "ab<|endoftext|>", max_tokens=6)
    list(made.ask("?"))
    assert (made.exchanges[-1].ending, made.exchanges[-1].text) == ("max_tokens", "abcdef")
    made.max_tokens = 7
    list(made.ask("?"))
    assert made.exchanges[-1].ending == "stop"
    list(made.ask("?"))  # a model that ends its turn with the end of the text
    assert made.reads() == ENCODER.encode(said("?", "abcdef", "?", "abcdef", "?", "ab")).ids.tolist()
    full, _ = session("abcdef", context=8)
    list(full.ask("?"))
    assert (full.exchanges[-1].ending, full.exchanges[-1].text) == ("context", "abcde")


@pytest.mark.parametrize("short", [0, 1])
@pytest.mark.parametrize("kept", [1, 2, 3])
def test_the_oldest_exchanges_are_left_out_whole_and_the_system_turn_never(kept, short):
    """The context holds so many exchanges, the question and the answer exactly; or has one token less."""
    system, answer, room = Message("system", "Sê breve."), "um, dois.", 12
    questions = [letter * 20 for letter in "bcdfg"]
    asked = len(ENCODER.prompt([system, *said(questions[0])]))
    size = len(ENCODER.encode(said(questions[0], answer)).ids)
    context = asked + kept * size + room - short
    made, engine = session(*[answer] * 5, context=context, system=system.content, max_tokens=room)
    for n, question in enumerate(questions):
        assert ask(made, question) == answer
        first = max(0, n - kept + short)
        turns = [turn for earlier in questions[first:n] for turn in said(earlier, answer)]
        assert engine.read[-1] == ENCODER.prompt([system, *turns, *said(question)])
        assert made.exchanges[-1].left_out == first
    assert made.messages == [system, *(turn for question in questions for turn in said(question, answer))]
    assert made.left_out == 5 - kept  # before a question of no length


def test_no_more_than_a_quarter_of_the_context_is_kept_for_the_answer():
    assert len(ENCODER.prompt([*said("a" * 9, "um"), *said("b" * 9)])) == 27
    for context, left_out in ((35, 0), (34, 1)):
        made, _ = session("um", "dois", context=context, max_tokens=500)
        ask(made, "a" * 9)
        list(made.ask("b" * 9))
        assert made.exchanges[-1].left_out == left_out, context


def test_a_message_longer_than_the_context_is_refused_and_all_stays():
    made, engine = session("um", "dois", context=40, system="Sê breve.")
    ask(made, "a")
    head = len(ENCODER.encode([Message("system", "Sê breve.")]).ids)
    before = made.reads()
    with pytest.raises(UserError, match=rf"the message has 53 tokens, beside the system turn's {head}; .* is 40"):
        made.ask("x" * 50)
    assert (made.reads(), len(engine.read)) == (before, 1)
    assert ask(made, "b") == "dois"
    with pytest.raises(UserError, match=r"^character 1 is a lone surrogate"):
        made.ask("a\ud800")
    with pytest.raises(UserError, match=r"system turn has 62 tokens, the model's context 40"):
        made.system = "x" * 60
    assert made.system == "Sê breve."


def test_a_question_that_fills_the_context_has_one_token_of_answer():
    made, _ = session("um", "dois", context=40)
    ask(made, "a")
    assert ask(made, "x" * 37) == "d"
    assert made.exchanges[-1].ending == "context"


def test_a_conversation_from_elsewhere_goes_on():
    made, engine = session("um", "Dá 7.", toolbox=CALCULATOR)
    ask(made, "a")
    turns = [
        Message("system", "Sê breve."),
        *said("Quanto é?", ""),
        Message("user", "E 3,5*2?"),
        Message("assistant", "", (CALLED,)),
        Message("tool", "7"),
        Message("assistant", "7"),
    ]
    assert made.restore(announced(turns, Toolbox(builtin_tools("pt")))) == 0
    assert (made.system, made.messages) == ("Sê breve.", announced(turns, CALCULATOR))
    assert made.reads() == ENCODER.encode(announced(turns, CALCULATOR)).ids.tolist()
    ask(made, "b")
    assert engine.read[-1] == ENCODER.prompt(announced([*turns, *said("b")], CALCULATOR))


@pytest.mark.parametrize(
    "tail",
    [
        said("?"),
        [*said("?"), Message("assistant", "", (CALLED,))],
        [*said("?"), Message("assistant", "", (CALLED, CALLED)), Message("tool", "7")],
    ],
)
def test_what_has_no_answer_is_left_out_of_a_conversation_from_elsewhere(tail):
    made, _ = session()
    assert made.restore([*said("a", "um"), *tail]) == len(tail)
    assert made.messages == said("a", "um")


def test_what_is_said_becomes_nfc():
    made, _ = session("ok", system="Na\u0303o.")
    ask(made, "a\u0301")
    assert made.messages == [Message("system", "Não."), *said("á", "ok")]


def test_settings_change_from_answer_to_answer():
    made, engine = session("um", "dois")
    ask(made, "a")
    made.sampling = replace(made.sampling, temperature=0.0)
    list(made.retry())
    assert engine.samples == [0, 1]
