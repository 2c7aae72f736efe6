"""Broken and hostile files change nothing outside, fetch nothing, show nothing of other files, and stop nothing."""

import socket
import threading
import time

import pytest
from hostile import Outside, write_hostile
from retrieve_helpers import CONTRACT, contents

from prosa.retrieve.index import update_index
from prosa.retrieve.reading import Limits
from prosa.retrieve.search import Index

SECRET = "abracadabrissimo"


@pytest.fixture
def outside(tmp_path):
    """A secret file and a server that counts who comes."""
    secret = tmp_path / "outside" / "segredo.txt"
    secret.parent.mkdir()
    secret.write_text(f"A senha secreta se chama {SECRET}.", encoding="utf-8")
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    asked, over = [], threading.Event()

    def count() -> None:
        while not over.is_set():
            try:
                asked.append(server.accept())
            except TimeoutError:
                continue

    thread = threading.Thread(target=count)
    thread.start()
    made = Outside(secret, server.getsockname()[1])
    made.asked = asked
    yield made
    over.set()
    thread.join()
    server.close()


def _check(tmp_path, outside, number: int, seed: int, limits: Limits) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    write_hostile(docs, number, seed, outside)
    for n in range(5):
        (docs / f"bom{n}.txt").write_text(CONTRACT, encoding="utf-8")
    sizes = {path: path.lstat() for path in docs.iterdir()}
    before = contents(outside.secret.parent)
    around = sorted(tmp_path.iterdir())
    done = update_index(docs, tmp_path / "index", limits=limits)
    assert done.read + done.unchanged >= 5
    assert contents(outside.secret.parent) == before
    assert sorted(tmp_path.iterdir()) == [*around[:1], tmp_path / "index", *around[1:]]
    now = {path: path.lstat() for path in docs.iterdir()}
    assert now.keys() == sizes.keys()
    assert all(now[p].st_mtime_ns == sizes[p].st_mtime_ns and now[p].st_size == sizes[p].st_size for p in now)
    assert outside.asked == []
    with Index(tmp_path / "index") as index:
        assert not index.search(SECRET).relevant
        good = {hit.passage.file for hit in index.search("fornecimento das cadeiras", k=200).hits}
        assert {f"bom{n}.txt" for n in range(5)} <= good
    again = update_index(docs, tmp_path / "index", limits=limits)
    assert (again.read, again.passages, again.problems) == (0, done.passages, done.problems)


def test_hostile_files_change_nothing_outside_and_stop_nothing(tmp_path, outside):
    began = time.monotonic()
    _check(tmp_path, outside, 37, 11, Limits(seconds=3, memory=400_000_000))
    assert time.monotonic() - began < 100


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_thousand_hostile_files_change_nothing_outside_and_stop_nothing(tmp_path, outside):
    _check(tmp_path, outside, 1000, 2026, Limits(seconds=3, memory=400_000_000))
