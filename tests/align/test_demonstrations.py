"""Conversations made of problems: right, of the training side, and with tools that give the answer."""

from collections import Counter

import pytest

from prosa.align.demonstrations import TaskData, announce_some, demonstrations
from prosa.core.errors import UserError
from prosa.data.conversations import Conversation, check_turns
from prosa.evaluate.tasks.registry import TASKS, find_task
from prosa.generate.reply import unannounced
from prosa.generate.tools import Toolbox, builtin_tools
from prosa.tokenizers.chat import Message

LEARNT = tuple(name for name, task in TASKS.items() if not task.test_only)


def test_every_task_is_shown_with_answers_that_are_right():
    for name in LEARNT:
        task = find_task(name)
        shown = demonstrations(TaskData((name,), problems=20, languages=("pt-BR", "en"), tools=True))
        assert len(shown) == 20 * len(task.languages)
        problems = {
            problem.prompt: problem
            for language in task.languages
            for wording in ("own", "bare")
            if wording in task.wordings
            for seed in (0, 1)
            for problem in task.problems("train", seed=seed, n=20, language=language, wording=wording)
        }
        for conversation in shown:
            check_turns(conversation.messages)
            asked = next(m.content for m in conversation.messages if m.role == "user")
            assert task.check(problems[asked], conversation.messages[-1].content)


@pytest.mark.parametrize("name", ["3D-", "2Dx", "1DC", "weekday", "days-between", "date-after"])
def test_the_tool_gives_the_answer(name):
    task = find_task(name)
    for language in task.languages:
        toolbox = Toolbox(builtin_tools("en" if language == "en" else "pt"))
        for problem in task.problems("test", seed=3, n=100, language=language):
            assert task.check(problem, toolbox.run(problem.call).content), problem


def test_half_are_shown_with_tools_announced_and_a_call_where_one_helps():
    shown = demonstrations(TaskData(("5D+", "plurals"), problems=400, tools=True))
    with_call = [c.messages for c in shown if any(m.calls for m in c.messages)]
    assert 160 < len(with_call) < 240
    for system, asked, call, result, answer in with_call:
        assert "calculator(expression)" in system.content.splitlines()
        assert call.calls[0].arguments["expression"].replace("+", "") in "".join(filter(str.isdigit, asked.content))
        assert result.content == answer.content
    assert len({messages[0].content for messages in with_call}) == 16  # any of the four others, or not
    without = [c.messages for c in shown if c.source.startswith("plurals") and c.messages[0].role == "system"]
    assert 160 < len(without) < 240
    assert all(len(messages) == 3 for messages in without)
    assert all(len(c.messages) == 2 for c in demonstrations(TaskData(("5D+",), problems=50)))


def test_weights_make_more_or_fewer_of_a_task():
    shown = demonstrations(TaskData(("2D+", "plurals", "5D-"), problems=20, weights=(2.5, 1, 0.01)))
    counts = Counter(conversation.source.partition(":")[0] for conversation in shown)
    assert counts == {"2D+": 50, "plurals": 20, "5D-": 1}
    assert shown[:20] == demonstrations(TaskData(("2D+",), problems=20))


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_share_that_is_shown_with_a_tool(share):
    shown = demonstrations(TaskData(("3D-", "1DC"), problems=1000, tools=True, tool_share=share))
    with_tool = sum(len(conversation.messages) == 5 for conversation in shown)
    assert abs(with_tool - 2000 * share) <= 4 * (2000 * share * (1 - share)) ** 0.5


def test_a_share_of_what_a_tool_can_solve_is_shown_without_the_call():
    shown = [c.messages for c in demonstrations(TaskData(("5D+",), problems=800, tools=True, calls=0.25))]
    told = [messages for messages in shown if "calculator" in messages[0].content]
    assert 340 < len(told) < 460
    calling = [messages for messages in told if any(m.calls for m in messages)]
    assert 0.18 < len(calling) / len(told) < 0.32
    assert all(len(messages) == 3 for messages in told if messages not in calling)


def test_conversations_have_tools_announced_too_but_for_those_that_call_some():
    plain = [Conversation((Message("system", "Seja breve."), Message("user", "Oi"), Message("assistant", "Olá")), "a")]
    calling = demonstrations(TaskData(("5D+",), problems=40, tools=True))
    calling = [c for c in calling if any(m.calls for m in c.messages)]
    found = announce_some(plain * 400 + calling, TaskData(tools=True))
    told = [c.messages[0].content for c in found[:400] if c.messages[0].content != "Seja breve."]
    assert 150 < len(told) < 240
    assert all(text.startswith("Seja breve.\n\n") for text in told)
    assert found[400:] == calling
    assert [list(unannounced(c.messages)) for c in found[:400]] == [list(plain[0].messages)] * 400
    assert announce_some(plain, TaskData()) == plain


def test_the_same_seed_shows_the_same_and_fewer_are_the_beginning_of_more():
    many = demonstrations(TaskData(("3D+",), problems=100, tools=True))
    assert demonstrations(TaskData(("3D+",), problems=37, tools=True)) == many[:37]
    assert demonstrations(TaskData(("3D+",), problems=37, tools=True, seed=1)) != many[:37]


def test_what_cannot_be_shown():
    with pytest.raises(UserError, match="unknown task: 'plural'") as error:
        TaskData(("plural",))
    assert "plurals" in str(error.value) + error.value.hint
    with pytest.raises(UserError, match=r"problems is 0 \(at least 1\)"):
        TaskData(problems=0)
    for weights in ((1.0,), (1.0, 0.0), (1.0, -1.0), (1.0, float("nan"))):
        with pytest.raises(UserError, match=r"tasks\.weights is .* a number above 0 for each of 2 tasks"):
            TaskData(("2D+", "2D-"), weights=weights)
    with pytest.raises(UserError, match=r"tasks\.tool_share is 1\.5"):
        TaskData(tool_share=1.5)

    with pytest.raises(UserError, match=r"calls 1\.5 \(from 0 to 1\)"):
        TaskData(calls=1.5)
    with pytest.raises(UserError, match="for testing only"):
        demonstrations(TaskData(("cloze",)))
