"""prosa show gradients: the page in both languages, the picture, the table, and mistakes."""

import json
from pathlib import Path

import pytest

from prosa.cli.main import main


def test_the_page_the_picture_and_the_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = ["show", "gradients", "--distance", "12", "--width", "8"]
    assert main([*argv, "--png", "g.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["files"] == ["gradients.html", "g.png"]
    curves = {(curve["name"], curve["radius"]): curve["norms"] for curve in found["curves"]}
    assert len(curves) == 11
    assert curves["linear", 0.8] == pytest.approx([0.8**d for d in range(13)])
    assert curves["linear", 1.5] == pytest.approx([1.5**d for d in range(13)])
    page = Path("gradients.html").read_text(encoding="utf-8")
    for told in ("How far gradients reach", "Até onde chegam os gradientes", "ρ = 0.8", "ρ = 0,8"):
        assert told in page
    assert "http://" not in page.split("<script")[0]
    assert Path("g.png").read_bytes()[:4] == b"\x89PNG"
    assert main([*argv, "--lang", "pt-BR"]) == 0  # over its own page
    out = capsys.readouterr().out
    assert "Norma de d perda / d x" in out
    assert "portas de esquecimento abertas" in out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--distance", "0"], "--distance is 0, must be 1 to 1000"),
        (["--width", "6"], "--width is 6, must be a multiple of 4"),
    ],
)
def test_a_mistake_is_told(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "gradients", *argv]) == 2
    assert told in capsys.readouterr().err
