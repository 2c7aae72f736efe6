"""``prosa keys``: what programs read, what people see in both languages, and what is refused."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prosa.cli.main import main
from prosa.serve.keys import Keys
from prosa.serve.usage import Usage


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROSA_HOME", str(tmp_path))
    return tmp_path / "serve.sqlite"


def keys(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> tuple[str, str]:
    assert main(["keys", *argv]) == code
    told = capsys.readouterr()
    return told.out, told.err


def test_a_key_alone_is_on_stdout_and_works(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    out, err = keys(capsys, "add", "maria", "--limit", "100k/day")
    found = Keys(home).find(out.rstrip("\n"))
    assert found is not None
    assert (found.name, found.limit) == ("maria", 100_000)
    assert "100,000 tokens a day" in err
    out, _ = keys(capsys, "list")
    assert re.search(r"maria +100,000 +0 +20", out)
    assert "prosa-" not in out
    keys(capsys, "revoke", "maria")
    plain = json.loads(keys(capsys, "list", "--json")[0])["keys"]
    assert [(key["name"], key["limit"], key["revoked"] is not None) for key in plain] == [("maria", 100_000, True)]


@pytest.mark.parametrize(
    ("text", "tokens"), [("100000/day", 100_000), ("100000/dia", 100_000), ("500k/day", 500_000), ("2M", 2_000_000)]
)
def test_ways_to_write_a_limit(capsys: pytest.CaptureFixture[str], text: str, tokens: int) -> None:
    assert json.loads(keys(capsys, "add", "a", "--limit", text, "--json")[0])["limit"] == tokens


def test_usage_in_tokens_and_money(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    for name in ("maria", "joão"):
        keys(capsys, "add", name)
    usage = Usage(home)
    usage.record(1, "a", prompt_tokens=2000, completion_tokens=500, cached_tokens=1500)
    usage.record(2, "b", prompt_tokens=100, completion_tokens=1)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    out, _ = keys(capsys, "usage")
    assert "No prices are set" in out
    assert json.loads(keys(capsys, "usage", "--json")[0])["total"]["cost"] is None
    out, _ = keys(capsys, "prices", "0.5", "1.5", "--currency", "usd")
    assert out == "1,000 tokens cost USD 0.50 in the prompt and USD 1.50 in the answer.\n"
    plain = json.loads(keys(capsys, "usage", "--json")[0])
    assert plain["rows"][1] == {
        "day": today,
        "name": "maria",
        "model": "a",
        "requests": 1,
        "prompt_tokens": 2000,
        "cached_tokens": 1500,
        "completion_tokens": 500,
        "cost": 1.75,
    }
    assert plain["total"]["cost"] == pytest.approx(1.75 + 0.0515)
    assert [(row["name"], row["requests"]) for row in plain["totals"]] == [("joão", 1), ("maria", 1)]
    out, _ = keys(capsys, "usage", "--lang", "pt-BR")
    assert re.search(rf"{today} +maria +a +1 +2\.000 +1\.500 +500 +1,7500", out)
    assert re.search(r"todas +2 +2\.100 +1\.500 +501 +1,8015", out)
    assert "1.000 tokens custam USD 0,50 no prompt e USD 1,50 na resposta." in out
    out, _ = keys(capsys, "usage", "--name", "joão", "--json")
    assert [row["model"] for row in json.loads(out)["rows"]] == ["b"]


def test_a_currency_alone_keeps_the_prices(capsys: pytest.CaptureFixture[str]) -> None:
    keys(capsys, "prices", "0.0005", "0.12345678912")
    out, _ = keys(capsys, "prices", "--currency", "EUR", "--json")
    assert json.loads(out) == {"prompt": 0.0005, "completion": 0.12345678912, "currency": "EUR"}
    out, _ = keys(capsys, "prices", "1", "2", "--json")
    assert json.loads(out)["currency"] == "EUR"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["ad"], "unknown action: 'ad'. Did you mean 'add'"),
        (["add", "a b"], "no name for a key"),
        (["add", "a", "--limit", "5/hour"], "'5/hour' is no number of tokens a day"),
        (["add", "a", "--limit", "0"], "0 tokens a day is not possible"),
        (["list"], "serve.sqlite does not exist"),
        (["revoke", "a"], "serve.sqlite does not exist"),
        (["usage", "--days", "0"], "at least 1"),
        (["prices", "0.5"], "two prices are needed"),
        (["prices", "--currency", "BRL"], "two prices are needed"),
        (["prices", "1", "nan"], "nan is no price"),
        (["prices", "1", "2", "--currency", "reais"], "'reais' is no currency"),
        (["list", "--keys", __file__], "is not a file of Prosa's keys"),
    ],
)
def test_mistakes_are_told(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in keys(capsys, *argv, code=2)[1]


def test_prices_are_looked_at_without_making_a_file(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert "No prices are set" in keys(capsys, "prices")[0]
    assert not home.exists()
    keys(capsys, "add", "maria")
    assert "unknown key: 'mari'. Did you mean 'maria'" in keys(capsys, "usage", "--name", "mari", code=2)[1]
