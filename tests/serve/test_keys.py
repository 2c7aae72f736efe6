"""Keys: made once and kept as digests, seen by all processes at once, in a file that is ours and private."""

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from prosa.core.errors import UserError
from prosa.serve.keys import Key, Keys
from prosa.serve.store import default_path
from prosa.serve.usage import Usage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "serve.sqlite"


def test_a_key_is_found_by_its_secret_alone(path: Path) -> None:
    keys = Keys(path)
    key = keys.add("maria", limit=100_000)
    assert key.startswith("prosa-")
    assert len(key) == len("prosa-") + 43
    found = keys.find(key)
    assert found == Key(1, "maria", 100_000, found.created, None)
    for other in ("", "prosa-", key[:-1], key + "x", key.upper(), "maria", "x" * 100_000, "\udc80"):
        assert keys.find(other) is None


def test_the_file_has_digests_and_no_key(path: Path) -> None:
    keys = Keys(path)
    key = keys.add("maria")
    everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert key.encode() not in everything
    assert hashlib.sha256(key.encode()).digest() in everything


def test_the_file_is_private(path: Path) -> None:
    Keys(path).add("maria")
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    path.chmod(0o644)
    Keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_names_and_limits(path: Path) -> None:
    keys = Keys(path)
    for name in ("maria", "Conceição", "ana.b-c_d@example.com", "7", "x" * 64):
        keys.add(name)
    for name in ("", " ", "a b", "-a", "a\n", "a;--", "'", "x" * 65, "a/b", "\x1b[1m"):
        with pytest.raises(UserError, match="no name for a key"):
            keys.add(name)
    for limit in (0, -5, 10**16):
        with pytest.raises(UserError, match="not possible"):
            keys.add("b", limit=limit)
    with pytest.raises(UserError, match="Conceição has a key already"):
        keys.add("Conceic\u0327a\u0303o")  # the same in another Unicode form
    assert [key.name for key in keys.list()][:2] == ["maria", "Conceição"]


def test_a_revoked_key_is_found_no_more_and_its_name_is_free(path: Path) -> None:
    keys = Keys(path)
    old = keys.add("maria")
    with pytest.raises(UserError, match="Did you mean 'maria'"):
        keys.revoke("mari")
    keys.revoke("maria")
    assert keys.find(old) is None
    new = keys.add("maria")
    assert keys.find(old) is None
    assert keys.find(new).id == 2
    assert [key.revoked is None for key in keys.list()] == [False, True]
    keys.revoke("maria")
    with pytest.raises(UserError, match="there are no keys"):
        keys.revoke("maria")


def test_other_processes_see_a_key_at_once(path: Path) -> None:
    here = Keys(path)
    code = "import sys; from pathlib import Path; from prosa.serve.keys import Keys; k = Keys(Path(sys.argv[1]))\n"
    key = _python(code + "print(k.add('maria'))", path)
    assert here.find(key).name == "maria"
    _python(code + "k.revoke('maria')", path)
    assert here.find(key) is None


def test_another_process_that_comes_and_goes_takes_nothing_away(path: Path) -> None:
    """As a server is: keys and usage open, each in its own connection, while `prosa keys` runs beside it."""
    here, usage = Keys(path), Usage(path)
    mine = here.find(here.add("mine"))
    code = "import sys; from pathlib import Path; from prosa.serve.keys import Keys; k = Keys(Path(sys.argv[1]))\n"
    for name in ("maria", "ana"):
        key = _python(code + f"print(k.add('{name}'))", path)
        usage.record(mine.id, "a", prompt_tokens=1, completion_tokens=1)
        assert here.find(key).name == name
    assert [key.name for key in Keys(path).list()] == ["mine", "maria", "ana"]
    assert _python(code + "print(*(key.name for key in k.list()))", path) == "mine maria ana"
    code = "import sys; from pathlib import Path; from prosa.serve.usage import Usage; u = Usage(Path(sys.argv[1]))\n"
    assert _python(code + "print(u.today(1))", path) == "4"


def test_many_threads_and_openings_at_once(path: Path) -> None:
    made: list[str] = []

    def add(n: int) -> None:
        keys = Keys(path)
        made.append(keys.add(f"k{n}"))
        assert keys.find(made[-1]) is not None

    threads = [threading.Thread(target=add, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = Keys(path)
    assert len(made) == len({keys.find(key).id for key in made}) == 20


def test_a_killed_process_loses_no_key(path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from prosa.serve.keys import Keys\n"
        "print(Keys(Path(sys.argv[1])).add('maria'), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    key = _python(code, path, ends=-9)
    assert Keys(path).find(key).name == "maria"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"my diary, page 1\n" * 100, "not a file of Prosa's keys"), (b"SQLite format 3\0" + b"x" * 5000, "not a file")],
)
def test_another_file_is_refused_and_left_alone(path: Path, content: bytes, message: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o644)
    with pytest.raises(UserError, match=message):
        Keys(path)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()
    with pytest.raises(UserError, match="not a file of Prosa's keys"):
        Keys(path)
    assert path.read_bytes() == before


def test_a_newer_and_a_damaged_file_are_told(path: Path) -> None:
    keys = Keys(path)
    for n in range(200):
        keys.add(f"k{n}")
    keys.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is damaged"):
        Keys(path)
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(UserError, match="is damaged"):
        Keys(path)
    path.write_bytes(whole)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="made by a newer Prosa"):
        Keys(path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot open"):
        Keys(tmp_path / "file" / "serve.sqlite")
    with pytest.raises(UserError, match="cannot open"):
        Keys(tmp_path)


def test_where_the_file_is_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROSA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "serve.sqlite"
    monkeypatch.delenv("PROSA_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".local" / "share" / "prosa" / "serve.sqlite"


def _python(code: str, path: Path, *, ends: int = 0) -> str:
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == ends, done.stderr
    return done.stdout.strip()
