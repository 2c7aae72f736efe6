"""The report's sections for the stages after base, and for what each gained."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from fake_run import make_run
from fake_stages import add_stages, gains_json
from html_reading import Page

from prosa.core.interval import wilson
from prosa.show.gains_form import is_gains
from prosa.show.load import Problem, load_run
from prosa.show.report import write_report
from prosa.show.stage_plots import gains_plot, right_plot

LANGS = ("en", "pt-BR")
STAGES = ("sft", "reward", "dpo", "rl")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return add_stages(make_run(tmp_path_factory.mktemp("stages") / "meu-machado"))


@pytest.fixture
def staged(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "meu-machado")


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def ids(page: Page, lang: str) -> list[str]:
    return [
        (a["id"] or "").removeprefix(f"{lang}_") for tag, a, main in page.elements if tag == "section" and main == lang
    ]


def test_a_section_for_each_stage_that_there_is(staged: Path) -> None:
    page = read(write_report(staged))
    assert ids(page, "en") == ids(page, "pt-BR") == [
        "quality", "gains", "answers", "samples", "training", *STAGES, "corpus", "vocabulary", "speed", "repeat",
    ]  # fmt: skip
    links = {a["href"] for tag, a, _ in page.elements if tag == "a"}
    assert links == {f"#{lang}_{key}" for lang in LANGS for key in ids(page, lang)}
    assert page.text["en"].count("Not made yet: ") == page.text["pt-BR"].count("Ainda não feito: ") == 0
    for gone in ("dpo", "reward"):
        shutil.rmtree(staged / gone)
    (staged / "gains.json").unlink()
    page = read(write_report(staged))
    assert ids(page, "en") == ["quality", "samples", "training", "sft", "rl", "corpus", "vocabulary", "speed", "repeat"]
    links = {a["href"] for tag, a, _ in page.elements if tag == "a"}
    assert links == {f"#{lang}_{key}" for lang in LANGS for key in ids(page, lang)}


def test_a_plot_for_each_curve_in_both_languages(staged: Path) -> None:
    page = read(write_report(staged))
    for lang in LANGS:
        for key in (
            "gains", "sft_learning", "reward_learning", "reward_calibration", "dpo_learning", "dpo_rewards",
            "rl_curves", "rl_right",
        ):  # fmt: skip
            figure = page.figures[f"{lang}_plot_{key}"]
            assert any(trace.get("y") for trace in figure["data"]), key
    titles = [
        axis["title"]["text"]
        for key, axis in page.figures["pt-BR_plot_rl_curves"]["layout"].items()
        if key.startswith("yaxis")
    ]
    assert titles == ["recompensa", "KL (nats)", "entropia (nats)", "tokens por resposta", "parcela cortada"]
    domains = [
        axis["domain"] for key, axis in page.figures["en_plot_rl_curves"]["layout"].items() if key.startswith("yaxis")
    ]
    assert all(above[0] > below[1] for above, below in pairwise(domains))


def test_figures_are_those_of_the_files(staged: Path) -> None:
    page = read(write_report(staged))
    for en, pt in (
        ("96,000 tokens of the assistant's, 2.9 times over", "96.000 tokens do assistente, 2,9 vezes"),
        ("2 bad lines, 4 longer than the context; 31 more were cut at it", "2 linhas ruins, 4 maiores que o contexto"),
        ("2,600 pairs", "2.600 pares"),
        ("74.5% of 400 held-out pairs are right (95% interval 69.0% to 79.0%).", "74,5% de 400 pares reservados"),
        ("Expected calibration error: 3.1%", "Erro de calibração esperado: 3,1%"),
        ("the longer answer is better in 58.0% of the pairs, and preferred in 64.0%", "a preferida em 64,0%"),
        ("Correlation of reward and length: 0.21", "Correlação entre recompensa e comprimento: 0,21"),
        ("62.0%of the time", "62,0%do tempo"),
        ("falas.jsonl:7: neither 'messages' nor <b>x</b>", "falas.jsonl:7: neither 'messages' nor <b>x</b>"),
        ("perguntas.jsonl:3: not JSON", "perguntas.jsonl:3: not JSON"),
        ("Qual é o plural de cão? → cães", "Qual é o plural de cão? → cães"),
    ):
        assert en in page.text["en"], en
        assert pt in page.text["pt-BR"], pt
    last = [json.loads(line) for line in (staged / "rl/metrics.jsonl").read_text("utf-8").splitlines()]
    right = [line["right"] for line in last if line["kind"] == "validation"]
    low, high = wilson(round(200 * right[-1]), 200)
    told = (
        f"from {100 * right[0]:.1f}% to {100 * right[-1]:.1f}% (95% interval {100 * low:.1f}% to {100 * high:.1f}%, 200"
    )
    assert told in page.text["en"]


def test_the_gains_are_told_in_words_figures_and_a_plot(staged: Path) -> None:
    gains = json.loads((staged / "gains.json").read_text("utf-8"))
    page = read(write_report(staged))
    lines = {line["stage"]: line for line in gains["differences"] if line["task"] == "all"}
    assert [line["before"] for line in lines.values()] == ["base", "sft", "sft"]
    assert lines["dpo"]["verdict"] == "no measurable gain"
    value, ends = lines["sft"]["difference"], lines["sft"]["interval"]
    english = f"sft is better than base: +{100 * value:.1f} percentage points (+{100 * ends[0]:.1f} to"
    assert english in page.text["en"]
    assert english.replace(".", ",").split(" percentage")[0].split(": ")[1] in page.text["pt-BR"]
    assert "dpo has no measurable gain over sft" in page.text["en"]
    assert "dpo não tem ganho mensurável sobre sft" in page.text["pt-BR"]
    verdicts = [
        a["class"]
        for tag, a, main in page.elements
        if tag == "p" and main == "en" and "verdict" in (a.get("class") or "")
    ]
    assert verdicts == [
        "verdict good",
        "verdict good",
        "verdict",
        "verdict good",
        "verdict",
    ]  # headline, stages, reward
    for row in gains["rows"]:
        low, high = row["interval"]
        assert f"{100 * row['score']:.1f}%{100 * low:.1f}% – {100 * high:.1f}%" in page.text["en"]
    assert "Win rates, judged by the verifiers on 264 prompts" in page.text["en"]
    assert "julgadas pelo modelo de recompensa em 264 prompts" in page.text["pt-BR"]
    tasks = ["all", "plurals", "2D+", "conjugation", "letter-count", "sentiment"]
    plot = gains_plot(gains, tasks, tasks)
    for trace, stage in zip(plot.data, ("base", "sft", "dpo", "rl"), strict=True):
        rows = [next(r for r in gains["rows"] if (r["stage"], r["task"]) == (stage, task)) for task in tasks]
        assert list(trace.x) == pytest.approx([100 * row["score"] for row in rows])
        upper = [x + e for x, e in zip(trace.x, trace.error_x.array, strict=True)]
        lower = [x - e for x, e in zip(trace.x, trace.error_x.arrayminus, strict=True)]
        assert upper == pytest.approx([100 * row["interval"][1] for row in rows])
        assert lower == pytest.approx([100 * row["interval"][0] for row in rows])
    places = [y for trace in plot.data for y in trace.y]
    assert len(set(places)) == len(places)  # no point hides another


def test_ten_prompts_with_the_answer_of_every_stage(staged: Path) -> None:
    gains = json.loads((staged / "gains.json").read_text("utf-8"))
    page = read(write_report(staged))
    assert len(gains["answers"]) == 10
    for line in gains["answers"]:
        assert line["prompt"] in page.text["en"]
        assert f"{line['task']} · Esperado: {line['answer']}" in page.text["pt-BR"]
        block = page.text["en"].split(line["prompt"])[1][:400]
        for stage, reply in line["replies"].items():
            assert f"{stage} {'✓' if reply['right'] else '✗'}{reply['text']}" in block
    assert "<b>seis</b> & meia" in page.text["en"]  # as text
    assert not [tag for tag, _, _ in page.elements if tag == "b"]


def test_right_answers_have_their_intervals(staged: Path) -> None:
    plot = right_plot(load_run(staged).stages["rl"])
    assert plot is not None
    (trace,) = plot.data
    low, high = wilson(round(2 * trace.y[0]), 200)
    assert trace.error_y.array[0] == pytest.approx(100 * high - trace.y[0])
    assert trace.error_y.arrayminus[0] == pytest.approx(trace.y[0] - 100 * low)


def test_a_stage_that_only_began_and_one_of_strange_values(staged: Path) -> None:
    for file in ("training.json", "COMPLETE"):
        (staged / "sft" / file).unlink()
    (staged / "sft" / "metrics.jsonl").write_text('{"kind": "train", "step": 1, "loss": 2.5}\n')
    (staged / "reward" / "training.json").write_text(
        '{"data": 5, "held_out": {"accuracy": 1, "pairs": 2, "interval": 7, '
        '"calibration": [3, {"predicted": 1}], "longer_is_better": "x"}}'
    )
    (staged / "dpo" / "training.json").write_text("[]")
    (staged / "dpo" / "metrics.jsonl").write_text("{torn\n")
    strange = [{"kind": "validation", "step": 1, "right": 7, "n": 3}, {"kind": "sample", "step": 2, "text": 5}]
    (staged / "rl" / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in strange))
    page = read(write_report(staged))
    assert [key for key in ids(page, "en") if key in STAGES] == list(STAGES)
    assert page.text["en"].count("Training did not reach its end yet.") == 1
    assert "100.0% of 2 held-out pairs are right." in page.text["en"]
    assert "dpo/training.json" in page.text["en"]
    assert "en_plot_rl_right" not in page.figures


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 5},
        {"rows": [{"stage": "base"}]},
        {"stages": [{"stage": "base"}, {"stage": "new"}]},
        {"stages": []},
        {"differences": [{"stage": 1}]},
        {"win_rates": []},
        {"ratings": {"verifier": {"elo": 3}}},
        {"ratings": {}},
        {"diversity": {"figures": 3}},
        {"answers": [{"prompt": 3}]},
        {"answers": None},
    ],
    ids=str,
)
def test_gains_of_another_form_are_left_out_and_told(staged: Path, change: dict) -> None:
    gains = json.loads((staged / "gains.json").read_text("utf-8"))
    assert is_gains(gains)
    (staged / "gains.json").write_text(json.dumps(gains | change))
    assert load_run(staged).problems == [Problem("gains.json")]
    page = read(write_report(staged))
    assert "gains" not in ids(page, "en")
    assert "gains.json" in page.text["en"]


def test_gains_of_one_stage_and_one_task(staged: Path) -> None:
    whole = gains_json(("base",))
    (staged / "gains.json").write_text(json.dumps(whole))
    page = read(write_report(staged))
    assert "gains" in ids(page, "en")
    assert "Win rates, judged" not in page.text["en"]
    one = gains_json(("base", "sft"))
    for key in ("rows", "differences"):
        one[key] = [line for line in one[key] if line["task"] in ("plurals", "all")]
    (staged / "gains.json").write_text(json.dumps(one))
    text = read(write_report(staged)).text["en"]
    assert re.search(r"tasktask", text) is None
    assert "all tasks" not in text
    assert "sft is better than base" in text


def test_a_run_without_a_base_is_a_run(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "sft", tmp_path / "sft")
    assert list(load_run(tmp_path).stages) == ["sft"]
    assert "Fine-tuning on conversations" in read(write_report(tmp_path)).text["en"]
