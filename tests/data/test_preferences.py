"""The forms of preferences, what pairs they give, and what is refused, line by line."""

import json
from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.corpus.problems import Problems
from prosa.data.conversations import Conversation
from prosa.data.division import divide
from prosa.data.preferences import Ranking, read_rankings
from prosa.tokenizers.chat import Message, ToolCall

ASKED, GOOD, BAD = (
    {"role": "user", "content": "Oi?"},
    {"role": "assistant", "content": "Olá."},
    {"role": "assistant", "content": "Hm."},
)
USER = Message("user", "Oi?")
PAIR = {"prompt": "Oi?", "chosen": "Olá.", "rejected": "Hm."}


def _write(path: Path, values: list) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def _read(path: Path) -> list[Ranking]:
    return list(read_rankings([path], Problems()))


@pytest.mark.parametrize(
    ("value", "prompt", "groups"),
    [
        (PAIR, (USER,), (("Olá.",), ("Hm.",))),
        ({**PAIR, "system": "S", "p": 1.9}, (Message("system", "S"), USER), (("Olá.",), ("Hm.",))),
        ({**PAIR, "prompt": [ASKED]}, (USER,), (("Olá.",), ("Hm.",))),
        ({"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]}, (USER,), (("Olá.",), ("Hm.",))),
        ({"chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]}, (USER,), (("Olá.",), ("Hm.",))),
        ({"prompt": "Oi?", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]}, (USER,), (("Olá.",), ("Hm.",))),
        (
            {"prompt": "Oi?", "system": "S", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
            (Message("system", "S"), USER),
            (("Olá.",), ("Hm.",)),
        ),
        (
            {"prompt": "Oi?", "chosen": [ASKED, GOOD, ASKED, GOOD], "rejected": [ASKED, GOOD, ASKED, BAD]},
            (USER, Message("assistant", "Olá."), USER),
            (("Olá.",), ("Hm.",)),
        ),
        (
            {"system": "S", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
            (Message("system", "S"), USER),
            (("Olá.",), ("Hm.",)),
        ),
        (
            {
                "conversations": [
                    {"from": "system", "value": "S"},
                    {"from": "human", "value": "a"},
                    {"from": "gpt", "value": "b"},
                    {"from": "human", "value": "c"},
                ],
                "chosen": {"from": "gpt", "value": "d"},
                "rejected": {"from": "gpt", "value": "e"},
            },
            (Message("system", "S"), Message("user", "a"), Message("assistant", "b"), Message("user", "c")),
            (("d",), ("e",)),
        ),
        (
            {"instruction": "Traduza.", "input": "dog", "chosen": "cão", "rejected": "gato"},
            (Message("user", "Traduza.\n\ndog"),),
            (("cão",), ("gato",)),
        ),
        (
            {"prompt": "q", "responses": ["a", ["b", "c"], [], {"role": "assistant", "content": "d"}]},
            (Message("user", "q"),),
            (("a",), ("b", "c"), ("d",)),
        ),
        (
            {"prompt": "a\u0303", "responses": ["e\u0301", "e"]},
            (Message("user", "ã"),),
            (("é",), ("e",)),
        ),
        (
            {
                "prompt": [
                    ASKED,
                    {"role": "assistant", "tool_calls": [{"name": "f", "arguments": {"x": 1}}]},
                    {"role": "tool", "content": "2"},
                ],
                "chosen": "2",
                "rejected": "3",
            },
            (USER, Message("assistant", "", (ToolCall("f", {"x": 1}),)), Message("tool", "2")),
            (("2",), ("3",)),
        ),
    ],
)
def test_the_forms(tmp_path, value, prompt, groups) -> None:
    (found,) = _read(_write(tmp_path / "a.jsonl", [value]))
    assert (found.prompt, found.groups) == (prompt, groups)
    assert found.source == f"{(tmp_path / 'a.jsonl').as_posix()}:1"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"prompt": "q", "answer": "a"}, "neither 'chosen' and 'rejected', nor 'responses'; there are: 'prompt', 'an"),
        ({"prompt": "q", "chosen": "a"}, "neither 'chosen' and 'rejected'"),
        ([PAIR], "not a JSON object"),
        ({"chosen": "a", "rejected": "b"}, "there is no 'prompt'"),
        ({"chosen": [GOOD], "rejected": [BAD]}, "there is no 'prompt'"),
        ({**PAIR, "prompt": " \n"}, "the prompt is empty"),
        ({**PAIR, "prompt": 3}, "'prompt' is neither a text nor a list with turns"),
        ({**PAIR, "prompt": []}, "'prompt' is neither a text nor a list with turns"),
        ({**PAIR, "prompt": [ASKED, GOOD]}, "the last turn is not the user's"),
        ({**PAIR, "prompt": [ASKED, ASKED]}, "turn 2 is 'user', but after user comes assistant"),
        ({**PAIR, "prompt": [{"role": "bot", "content": "x"}]}, "'prompt': turn 1: unknown role 'bot'"),
        (
            {
                **PAIR,
                "prompt": [
                    ASKED,
                    {"role": "assistant", "tool_calls": [{"name": n, "arguments": {}} for n in "fg"]},
                    {"role": "tool", "content": "2"},
                ],
            },
            "the last turn is not the user's",
        ),
        ({**PAIR, "prompt": "\ud800"}, "'prompt': character 0 is a lone surrogate"),
        ({**PAIR, "rejected": "a\udc00"}, "'rejected': character 1 is a lone surrogate"),
        ({**PAIR, "system": 5}, "'system': the content is not a text"),
        ({**PAIR, "rejected": "  Olá.\n"}, "the same answer is better and worse: 'Olá.'"),
        ({**PAIR, "chosen": "é", "rejected": "e\u0301"}, "the same answer is better and worse"),
        ({**PAIR, "chosen": ""}, "'chosen': the answer is empty"),
        ({**PAIR, "rejected": [{"role": "assistant", "content": " "}]}, "'rejected': the answer is empty"),
        ({**PAIR, "rejected": None}, "'rejected': the content is not a text"),
        ({**PAIR, "rejected": []}, "'rejected' is neither a text nor a list with turns"),
        ({**PAIR, "rejected": [ASKED]}, "the answer must be an assistant's text, and is 'user'"),
        (
            {**PAIR, "rejected": {"from": "human", "value": "x"}},
            "the answer must be an assistant's text, and is 'user'",
        ),
        ({**PAIR, "rejected": {"from": "gpt"}}, "'rejected': turn 1: the content is not a text"),
        (
            {**PAIR, "chosen": {"from": "function_call", "value": '{"name": "f", "arguments": {}}'}},
            "'chosen': the answer must be an assistant's text, and is a call of a tool",
        ),
        (
            {"chosen": [ASKED, GOOD, ASKED, GOOD], "rejected": [ASKED, BAD, ASKED, BAD]},
            "may differ in their last turn only",
        ),
        ({"prompt": "Oi?", "chosen": [ASKED, GOOD], "rejected": "Hm."}, "may differ in their last turn only"),
        (
            {"prompt": "Eh?", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
            "is not what 'chosen' begins with",
        ),
        ({"prompt": "q", "responses": "a"}, "'responses' is not a list"),
        ({"prompt": "q", "responses": []}, "fewer than two answers"),
        ({"prompt": "q", "responses": ["a"]}, "fewer than two answers"),
        ({"prompt": "q", "responses": [["a", "b"]]}, "all answers are tied"),
        ({"prompt": "q", "responses": ["a", ["b", "a "]]}, "the same answer is better and worse: 'a'"),
        ({"prompt": "q", "responses": ["a", 7]}, "'responses', rank 2: the content is not a text"),
        ({"prompt": "q", "responses": ["a", [["b"]]]}, "'responses', rank 2: the content is not a text"),
        ({"prompt": "q", "responses": ["a", ""]}, "'responses', rank 2: the answer is empty"),
    ],
)
def test_a_bad_record_is_named_and_the_others_are_read(tmp_path, value, why) -> None:
    path, problems = _write(tmp_path / "a.jsonl", [PAIR, value, PAIR]), Problems()
    assert len(list(read_rankings([path], problems))) == 2
    (problem,) = problems.named
    assert problem.source == f"{path.as_posix()}:2"
    assert why in problem.why


def test_a_problem_is_told_in_portuguese_too(tmp_path) -> None:
    problems = Problems()
    with speaking("pt-BR"):
        list(read_rankings([_write(tmp_path / "a.jsonl", [PAIR, {**PAIR, "chosen": ""}])], problems))
    assert problems.named[0].why == "'chosen': a resposta está vazia"


def test_the_pairs_of_a_ranking_are_all_of_different_rank() -> None:
    ranked = Ranking((USER,), (("a",), ("b", "c"), ("d",)), "x:1")
    assert ranked.answers == ("a", "b", "c", "d")
    assert ranked.pairs() == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]
    for k in (2, 4, 9):  # Ouyang et al.: K (K - 1) / 2
        assert len(Ranking((USER,), tuple((str(n),) for n in range(k)), "").pairs()) == k * (k - 1) // 2


def test_preferences_are_divided_as_conversations_are() -> None:
    talks = [Conversation((Message("user", f"q {n}"), Message("assistant", "a")), "") for n in range(300)]
    ranked = [
        Ranking((Message("system", "S"), Message("user", f" Q  {n}\n")), (("a",), ("b",)), str(n)) for n in range(300)
    ]
    ours, theirs = divide(ranked, 0.3)[1], divide(talks, 0.3)[1]
    assert [r.asked.split()[1] for r in ours] == [c.asked.split()[1] for c in theirs]
    assert 60 < len(ours) < 120


def test_mostly_bad_files_stop_the_run(tmp_path) -> None:
    path = _write(tmp_path / "a.jsonl", [{"text": "a"}, {"text": "b"}, PAIR])
    with pytest.raises(UserError, match=r"bad records: 2 of 3. The first: .*a\.jsonl:1: neither 'chosen'"):
        _read(path)
