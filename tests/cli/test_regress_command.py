"""``prosa regress``: decimal commas, both languages, pictures, and columns that are not there."""

import json
from pathlib import Path

import pytest

from prosa.cli.main import main
from prosa.core.language import set_language

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "colheita.csv"
ASKED = ["--x", "chuva_mm", "--y", "safra_kg_ha"]


def test_the_example_finds_what_was_put_in(tmp_path, capsys) -> None:
    assert main(["regress", str(EXAMPLE), *ASKED, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 24
    assert found["w_interval"][0] < 2.6 < found["w_interval"][1]
    assert found["w"] == pytest.approx(found["closed_form"]["w"], rel=1e-6)
    assert found["converged"]
    assert 0.8 < found["r2"] < 1
    for name in ("a.html", "a.png"):
        assert main(["regress", str(EXAMPLE), *ASKED, "--picture", str(tmp_path / name)]) == 0
    assert "Picture: " in capsys.readouterr().out
    html = (tmp_path / "a.html").read_text("utf-8")
    assert "After step 0: loss" in html
    assert "cdn.plot.ly" not in html.replace("https://cdn.plot.ly/un", "")  # plotly.js names it for maps
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_decimal_commas_and_mistakes(tmp_path, capsys) -> None:
    path = tmp_path / "a.csv"
    path.write_text("chuva;safra\n1,5;1.003,0\n2,5;1005\nmuita;3\n3,5;1.007\n4,5;1009,0\n", "utf-8")
    asked = ["regress", str(path), "--x", "chuva", "--y", "safra", "--lang", "pt-BR"]
    assert main(asked) == 0
    shown = capsys.readouterr()
    assert "a.csv:4: um valor não é número" in shown.err
    path.write_text("chuva;safra\n1,5;1.003,0\n2,5;1005\nmuita;3\n4,5;1009,0\n", "utf-8")
    assert main(asked) == 0
    assert "safra = 2,000 · chuva + 1.000" in capsys.readouterr().out
    assert main([*asked, "--rate", "1.5"]) == 2
    assert "a descida diverge" in capsys.readouterr().err
    assert main([*asked, "--steps", "3"]) == 0
    assert "Ainda não chegou" in capsys.readouterr().out
    set_language(None)
    assert main(["regress", str(path), "--x", "chva", "--y", "safra"]) == 2
    assert "Did you mean 'chuva'?" in capsys.readouterr().err
    assert main(["regress", str(EXAMPLE), *ASKED, "--picture", "a.pdf"]) == 2
    assert "a picture is .html or .png" in capsys.readouterr().err


def test_a_line_through_nothing_and_numbers_past_all_measure(tmp_path, capsys) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n2,4\n3,6.5\n4,8\n", "utf-8")
    assert main(["regress", str(path), "--x", "x", "--y", "y", "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    assert "y = 2.050 · x + 0\n" in shown
    assert "w = 2.050, b = 0." in shown
    path.write_text("x,y\n1e308,2\n-1e308,4\n", "utf-8")
    assert main(["regress", str(path), "--x", "x", "--y", "y", "--lang", "en"]) == 2
    assert "a number is larger than 1e+100" in capsys.readouterr().err
