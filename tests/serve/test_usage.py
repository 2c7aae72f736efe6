"""Usage: added up by day, and a day's limit that parallel requests, threads and processes do not pass together."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prosa.serve import usage as module
from prosa.serve.keys import Key, Keys
from prosa.serve.store import StoreError
from prosa.serve.usage import Prices, QuotaExceeded, Usage, UsageRow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "serve.sqlite"


def a_key(path: Path, name: str = "maria", limit: int | None = 1000) -> Key:
    keys = Keys(path)
    found = keys.find(keys.add(name, limit=limit))
    assert found is not None
    return found


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(module.time, "time", moment.timestamp)


def test_usage_is_added_up_by_day_key_and_model(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maria, joao = a_key(path), a_key(path, "joão", None)
    usage = Usage(path)
    today = datetime.now(UTC)
    at(monkeypatch, today - timedelta(days=2))
    usage.record(maria.id, "a", prompt_tokens=7, completion_tokens=1)
    at(monkeypatch, today)
    usage.settle(usage.reserve(maria, 100), "a", prompt_tokens=10, completion_tokens=20, cached_tokens=4)
    usage.settle(usage.reserve(maria, 100), "a", prompt_tokens=1, completion_tokens=2)
    usage.settle(usage.reserve(maria, 100), "b", prompt_tokens=5, completion_tokens=0)
    usage.settle(usage.reserve(joao, 10**9), "a", prompt_tokens=3, completion_tokens=3, cached_tokens=3)
    day, before = f"{today:%Y-%m-%d}", f"{today - timedelta(days=2):%Y-%m-%d}"
    assert usage.rows() == [
        UsageRow(day, "joão", "a", 1, 3, 3, 3),
        UsageRow(day, "maria", "a", 2, 11, 22, 4),
        UsageRow(day, "maria", "b", 1, 5, 0, 0),
        UsageRow(before, "maria", "a", 1, 7, 1, 0),
    ]
    assert usage.rows(days=2) == usage.rows()[:3]
    assert usage.rows(days=3, name="maria") == usage.rows()[1:]
    assert usage.rows(name="'; DROP TABLE keys; --") == []
    assert usage.today(maria.id) == 38


def test_a_limit_is_exact_and_the_rest_of_a_reservation_comes_back(path: Path) -> None:
    maria = a_key(path)
    usage = Usage(path)
    first = usage.reserve(maria, 600)
    with pytest.raises(QuotaExceeded, match="may use 401 tokens; of the 1,000 of today 400 are left") as refused:
        usage.reserve(maria, 401)
    assert (refused.value.limit, refused.value.left, refused.value.asked) == (1000, 400, 401)
    second = usage.reserve(maria, 400)
    usage.settle(first, "a", prompt_tokens=100, completion_tokens=50)
    third = usage.reserve(maria, 450)
    usage.release(second)
    usage.release(third)
    usage.reserve(maria, 850)
    with pytest.raises(QuotaExceeded):
        usage.reserve(maria, 1)


def test_the_wait_is_until_midnight_utc_and_a_request_counts_on_the_day_it_began(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maria = a_key(path)
    usage = Usage(path)
    at(monkeypatch, datetime(2026, 11, 25, 23, 59, 50, tzinfo=UTC))
    late = usage.reserve(maria, 1000)
    with pytest.raises(QuotaExceeded) as refused:
        usage.reserve(maria, 1)
    assert refused.value.seconds == 10
    at(monkeypatch, datetime(2026, 11, 26, tzinfo=UTC))
    usage.settle(late, "a", prompt_tokens=500, completion_tokens=500)
    assert usage.today(maria.id) == 0
    usage.reserve(maria, 1000)
    with pytest.raises(QuotaExceeded) as refused:
        usage.reserve(maria, 1)
    assert refused.value.seconds == 86_400
    assert [row.day for row in usage.rows()] == ["2026-11-25"]


def test_parallel_threads_do_not_pass_the_limit(path: Path) -> None:
    maria = a_key(path)
    shared, got = Usage(path), []

    def ask(usage: Usage) -> None:
        for _ in range(10):
            try:
                got.append(usage.reserve(maria, 30))
            except QuotaExceeded:
                return

    threads = [threading.Thread(target=ask, args=(shared if n % 2 else Usage(path),)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1000 // 30


def _hold_forever(path: Path, key: Key, tokens: int, held: "multiprocessing.synchronize.Event") -> None:
    Usage(path).reserve(key, tokens)
    held.set()
    signal.pause()


def test_a_killed_process_blocks_no_quota(path: Path) -> None:
    maria = a_key(path)
    here = Usage(path)
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    other = spawn.Process(target=_hold_forever, args=(path, maria, 1000, held))
    other.start()
    assert held.wait(60)
    with pytest.raises(QuotaExceeded):  # it lives: what it holds counts
        here.reserve(maria, 1)
    other.kill()
    other.join()
    here.reserve(maria, 1000)
    assert here.today(maria.id) == 0


def test_a_reservation_that_nobody_settles_ends_after_its_lifetime(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maria = a_key(path)
    usage = Usage(path, lifetime=100)
    monkeypatch.setattr(module, "_lives", lambda pid: True)
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    at(monkeypatch, noon)
    lost = usage.reserve(maria, 1000)
    at(monkeypatch, noon + timedelta(seconds=99))
    with pytest.raises(QuotaExceeded):
        usage.reserve(maria, 1)
    at(monkeypatch, noon + timedelta(seconds=100))
    usage.reserve(maria, 900)
    usage.settle(lost, "a", prompt_tokens=90, completion_tokens=20)  # it came back after all: what was used counts
    assert usage.today(maria.id) == 110


def test_an_earlier_process_with_our_number_is_known_to_be_gone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maria = a_key(path)
    monkeypatch.setattr(module, "_PROCESS", "the server before, in the same container")
    Usage(path).reserve(maria, 1000)
    monkeypatch.undo()
    Usage(path).reserve(maria, 1000)


def test_kill_9_loses_no_settled_request(path: Path) -> None:
    maria = a_key(path, limit=None)
    code = (
        "import sys; from pathlib import Path; from prosa.serve.usage import Usage; from prosa.serve.keys import Key\n"
        "usage, key = Usage(Path(sys.argv[1])), Key(int(sys.argv[2]), 'maria', None, 0.0)\n"
        "while True:\n"
        "    usage.settle(usage.reserve(key, 9), 'a', prompt_tokens=2, completion_tokens=3)\n"
        "    print('.', end='', flush=True)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", code, str(path), str(maria.id)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    told = len(os.read(server.stdout.fileno(), 1))
    while told < 200:
        told += len(os.read(server.stdout.fileno(), 1 << 16))
    server.kill()
    told += len(server.stdout.read())
    server.wait()
    (row,) = Usage(path).rows()
    assert told <= row.requests <= told + 1
    assert (row.prompt_tokens, row.completion_tokens) == (2 * row.requests, 3 * row.requests)


def test_a_full_disk_is_told_and_nothing_is_half_written(path: Path) -> None:
    maria = a_key(path, limit=100_000)
    usage = Usage(path)
    usage.settle(usage.reserve(maria, 10), "a", prompt_tokens=1, completion_tokens=1)
    (pages,) = usage._store.rows("PRAGMA page_count")[0]
    usage._store.run(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        for n in range(1000):
            held = usage.reserve(maria, 10)
            usage.settle(held, f"model {n}" + 100 * "x", prompt_tokens=1, completion_tokens=1)
    usage._store.run("PRAGMA max_page_count = 1000000")
    usage.settle(held, "b", prompt_tokens=5, completion_tokens=0)
    assert usage.today(maria.id) == 2 * (len(usage.rows()) - 1) + 5
    usage.reserve(maria, 100_000 - usage.today(maria.id))


def test_prices(path: Path) -> None:
    usage = Usage(path)
    assert usage.prices() is None
    usage.set_prices(Prices(0.5, 1.5, "BRL"))
    usage.set_prices(Prices(0.25, 1.5, "BRL"))
    assert Usage(path).prices() == Prices(0.25, 1.5, "BRL")
    assert Prices(0.25, 1.5, "BRL").cost(2000, 500) == pytest.approx(0.5 + 0.75)
