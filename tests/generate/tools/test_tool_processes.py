"""Functions of the user that hang, raise, print, exit, flood: the program and the terminal stay as they were."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.generate.tools import Toolbox, ToolCall, ToolResult, builtin_tools, from_file, from_function, run


def make(*functions, timeout: float = 20.0, max_chars: int = 2000) -> Toolbox:
    return Toolbox([from_function(function) for function in functions], timeout=timeout, max_chars=max_chars)


def pid() -> int:
    return os.getpid()


def gone(process: int) -> bool:
    """Whether a process has ended, or does so within some seconds."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # ended, and not yet collected by whoever started it
            return True
        time.sleep(0.01)
    return False


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_a_closure_runs_in_a_process_of_its_own_and_keeps_its_state():
    seen: list[int] = []

    def remember(n: int) -> list[int]:
        seen.append(n)
        return seen

    toolbox = make(remember, pid)
    assert toolbox.run(ToolCall("remember", {"n": 1})).content == "[1]"
    assert toolbox.run(ToolCall("remember", {"n": 2})).content == "[1, 2]"
    assert seen == []
    first = toolbox.run(ToolCall("pid", {})).content
    assert first == toolbox.run(ToolCall("pid", {})).content != str(os.getpid())
    toolbox.close()
    assert toolbox.run(ToolCall("remember", {"n": 3})).content == "[3]"
    toolbox.close()
    assert toolbox.run(ToolCall("pid", {})).content != first


def test_arguments_and_results_of_any_text():
    def echo(text: str, numbers: list[float]) -> str:
        return text + str(numbers)

    toolbox = make(echo, max_chars=10**6)
    text = 'é "\\\n\u2028\0😀' * 20_000
    assert toolbox.run(ToolCall("echo", {"text": text, "numbers": [1, 0.1]})).content == text + "[1.0, 0.1]"
    assert toolbox.answer('{"name": "echo", "arguments": {"text": "\\ud83d", "numbers": []}}').content == "\ufffd[]"
    wrong = toolbox.run(ToolCall("echo", {"text": 1}))
    assert wrong.content.startswith("Error: numbers is missing; text must be <string>, and is 1\nThe right form: {")


def test_one_that_hangs_is_stopped():
    def hang() -> None:
        while True:
            time.sleep(0.01)

    toolbox = make(hang, pid, timeout=0.2)
    before = int(toolbox.run(ToolCall("pid", {})).content)
    began = time.perf_counter()
    result = toolbox.run(ToolCall("hang", {}))
    assert 0.2 <= time.perf_counter() - began < 5
    assert result == ToolResult("hang", "Error: stopped after 0.2 s", error=True)
    with pytest.raises(ProcessLookupError):  # not even a zombie is left
        os.kill(before, 0)
    assert not toolbox.run(ToolCall("pid", {})).error
    with speaking("pt-BR"):
        assert toolbox.run(ToolCall("hang", {})).content == "Erro: interrompida depois de 0,2 s"


def test_it_speaks_the_language_of_the_moment():
    def fail() -> None:
        raise ValueError("x")

    toolbox = make(fail)
    assert toolbox.run(ToolCall("fail", {})).content == "Error: ValueError: x"
    with speaking("pt-BR"):
        assert toolbox.run(ToolCall("fail", {})).content == "Erro: ValueError: x"


@linux
def test_one_that_hangs_takes_with_it_what_it_started(tmp_path):
    def hang(folder: str) -> None:
        child = subprocess.Popen(["sleep", "60"])
        Path(folder, "pid").write_text(str(child.pid))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child.wait()

    assert make(hang, timeout=0.4).run(ToolCall("hang", {"folder": str(tmp_path)})).error
    assert gone(int((tmp_path / "pid").read_text()))


def test_one_that_raises():
    def read(path: str) -> str:
        return Path(path).read_text()

    result = make(read).run(ToolCall("read", {"path": "/home/ana/segredo.txt"}))
    assert result == ToolResult(
        "read", "Error: FileNotFoundError: [Errno 2] No such file or directory: 'segredo.txt'", error=True
    )


def test_one_that_returns_ten_megabytes():
    def flood() -> str:
        return "á" * 10_000_000

    result = make(flood, max_chars=50).run(ToolCall("flood", {}))
    assert result == ToolResult("flood", "á" * 50 + "\n[characters cut: 9,999,950]")


def test_one_that_calls_itself_for_ever():
    def down(n: int) -> int:
        return down(n + 1)

    result = make(down).run(ToolCall("down", {"n": 0}))
    assert result.content.startswith("Error: RecursionError: maximum recursion depth exceeded")


def test_what_it_prints_is_not_the_result_and_not_on_stdout(capfd):
    def noisy() -> str:
        print("printed")
        os.write(1, b"written\n")
        subprocess.run(["echo", "echoed"], check=True)
        return "result"

    assert make(noisy).run(ToolCall("noisy", {})) == ToolResult("noisy", "result")
    out, err = capfd.readouterr()
    assert out == ""
    assert sorted(err.split()) == ["echoed", "printed", "written"]


def test_one_that_closes_its_outputs():
    def close() -> str:
        sys.stdout.close()
        os.close(1)
        os.close(2)
        return "closed"

    def noisy() -> str:
        print("x")
        return "printed"

    toolbox = make(close, noisy, pid)
    before = toolbox.run(ToolCall("pid", {}))
    assert toolbox.run(ToolCall("close", {})) == ToolResult("close", "closed")
    assert toolbox.run(ToolCall("noisy", {})) == ToolResult("noisy", "printed")
    assert toolbox.run(ToolCall("pid", {})) == before


def test_one_that_asks_the_terminal():
    def ask() -> str:
        return input("name? ")

    assert make(ask).run(ToolCall("ask", {})).content == "Error: EOFError: EOF when reading a line"


def test_one_that_starts_processes():
    def square(n: int) -> int:
        with multiprocessing.get_context("fork").Pool(1) as pool:
            return pool.apply(pow, (n, 2))

    assert make(square).run(ToolCall("square", {"n": 7})).content == "49"


def test_ctrl_c_is_not_for_the_process_of_the_tools():
    def interrupt() -> str:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)
        return "went on"

    assert make(interrupt).run(ToolCall("interrupt", {})) == ToolResult("interrupt", "went on")


def test_one_that_exits():
    def leave(how: str) -> None:
        if how == "exit":
            sys.exit("bye")
        if how == "_exit":
            os._exit(3)
        if how == "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyboardInterrupt

    toolbox = make(leave, pid)
    ended = "Error: it ended the process in which tools run"
    assert toolbox.run(ToolCall("leave", {"how": "exit"})) == ToolResult("leave", "Error: SystemExit: bye", error=True)
    for how in ("_exit", "signal", "interrupt"):
        assert toolbox.run(ToolCall("leave", {"how": how})) == ToolResult("leave", ended, error=True)
        assert not toolbox.run(ToolCall("pid", {})).error


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_that_comes_back_does_not_answer_too():
    def fork() -> str:
        os.fork()
        return "forked"

    toolbox = make(fork, pid)
    leader = toolbox.run(ToolCall("pid", {})).content
    assert toolbox.run(ToolCall("fork", {})).content == "forked"
    for _ in range(3):
        assert toolbox.run(ToolCall("pid", {})).content == leader


def test_a_process_that_died_between_calls():
    toolbox = make(pid)
    first = int(toolbox.run(ToolCall("pid", {})).content)
    os.kill(first, signal.SIGKILL)
    while any(child.pid == first for child in multiprocessing.active_children()):
        time.sleep(0.01)  # /proc says Z as soon as its main thread ended; it can be collected when all have
    second = toolbox.run(ToolCall("pid", {}))
    assert not second.error
    assert second.content != str(first)


@linux
def test_a_toolbox_that_nobody_has_any_more():
    toolbox = make(pid)
    process = int(toolbox.run(ToolCall("pid", {})).content)
    del toolbox
    assert gone(process)


def test_a_function_added_later():
    toolbox = make(pid)
    toolbox.run(ToolCall("pid", {}))

    @toolbox.add
    def soma(a: int, b: int = 2) -> int:
        return a + b

    assert toolbox.run(ToolCall("soma", {"a": 3})) == ToolResult("soma", "5")


def test_tools_of_prosa_need_no_process():
    toolbox = Toolbox([*builtin_tools("pt"), from_function(pid)])
    assert toolbox.run(ToolCall("calculator", {"expression": "3,5*2"})) == ToolResult("calculator", "7")
    assert toolbox._worker is None


def test_calls_of_several_threads():
    def double(n: int) -> int:
        return 2 * n

    toolbox = make(double)
    found: dict[int, str] = {}

    def ask(n: int) -> None:
        found[n] = toolbox.run(ToolCall("double", {"n": n})).content

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: str(2 * n) for n in range(20)}


BEGIN = f"""
import os, subprocess, sys, time
sys.path.insert(0, {str(Path(__file__).parents[3] / "src")!r})
from prosa.generate.tools import Toolbox, ToolCall
"""
READING = """
toolbox = Toolbox()

@toolbox.add
def read() -> str:
    return subprocess.run(["cat"], capture_output=True, text=True).stdout + os.read(0, 9).decode()

print(repr(toolbox.run(ToolCall("read", {})).content), sys.stdin.read())
"""


def test_one_that_reads_what_is_typed_to_the_program():
    done = subprocess.run([sys.executable, "-c", BEGIN + READING], input="typed", capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("'' typed\n", "")


HANGING = """
toolbox = Toolbox(timeout=60)

@toolbox.add
def hang(folder: str) -> None:
    child = subprocess.Popen(["sleep", "60"])
    with open(folder + "/new", "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    os.rename(folder + "/new", folder + "/pids")
    if "leave" not in sys.argv:
        child.wait()

toolbox.run(ToolCall("hang", {"folder": sys.argv[1]}))
"""


@linux
@pytest.mark.parametrize(
    ("how", "code"),
    [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL), (None, 0)],
    ids=["Ctrl-C", "terminated", "killed", "ended"],
)
def test_no_orphans(tmp_path, how, code):
    script = tmp_path / "script.py"
    script.write_text(BEGIN + HANGING)
    arguments = [sys.executable, str(script), str(tmp_path), *(["leave"] if how is None else [])]
    main = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for _ in range(1000):
        if (tmp_path / "pids").exists():
            break
        time.sleep(0.01)
    worker, child = map(int, (tmp_path / "pids").read_text().split())
    if how is not None:
        os.killpg(main.pid, how)
    _, errors = main.communicate(timeout=20)
    assert main.returncode == code
    assert errors.count("Traceback") == (how == signal.SIGINT)  # the program's own, none of the tools' process
    assert gone(worker)
    assert gone(child)


@pytest.fixture
def spawning(monkeypatch):
    """As on Windows and macOS."""
    monkeypatch.setattr(run, "START", "spawn")


COUNTER = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Step:
    size: int

seen = []

def count(step: Step) -> int:
    seen.append(step.size)
    return sum(seen)

def reset() -> str:
    seen.clear()
    return "ok"
"""


def test_a_file_is_found_again_where_processes_are_spawned(spawning, tmp_path):
    path = tmp_path / "contador.py"
    path.write_text(COUNTER)
    toolbox = Toolbox(from_file(path))
    assert toolbox.run(ToolCall("count", {"step": {"size": 2}})).content == "2"
    assert toolbox.run(ToolCall("count", {"step": {"size": 3}})).content == "5"
    assert toolbox.run(ToolCall("reset", {})).content == "ok"
    assert toolbox.run(ToolCall("count", {"step": {"size": 3}})).content == "3"  # one run of the file for all its tools
    assert "step.size must be" in toolbox.run(ToolCall("count", {"step": {"size": "3"}})).content


def test_what_could_not_be_found_again_is_refused_where_processes_are_spawned(spawning, monkeypatch):
    def closure(a: int) -> int:
        return a

    with pytest.raises(UserError, match="closure: on this system a tool must be in a file or module") as error:
        make(closure)
    assert error.value.hint == "Put it in a file and give --tools FILE.py."
    monkeypatch.setattr(pid, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "pid", pid, raising=False)
    with pytest.raises(UserError, match="pid: on this system"):
        Toolbox().add(pid)
    Toolbox([from_function(closure, bounded=True)])


def test_a_process_that_cannot_start_is_the_users_to_know(spawning, tmp_path, capfd):
    path = tmp_path / "passageira.py"
    path.write_text("def soma(a: int) -> int:\n    return a\n")
    toolbox = Toolbox(from_file(path))
    path.unlink()
    with pytest.raises(UserError, match="the process in which tools run did not start"):
        toolbox.run(ToolCall("soma", {"a": 1}))


def test_a_tool_may_compute_with_torch_whatever_was_computed_before():
    """A fork has none of the threads that torch has started, and must not wait for them."""
    code = """
import torch
from prosa.generate.tools import Toolbox, ToolCall, from_function

def total() -> float:
    return float((torch.ones(500, 500) @ torch.ones(500, 500)).sum())

torch.set_num_threads(2)
total()
(torch.ones(10**6) * 2).sum()
print(Toolbox([from_function(total)], timeout=20).run(ToolCall("total", {})).content)
"""
    if run.START != "fork":
        pytest.skip("only a fork")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert found.stdout == "125000000.0\n", found.stderr
