import json
import math
import re
import shutil
from pathlib import Path

import pytest
from fake_run import CORPUS, EVALUATION, SAMPLES, TEXTS, VOCABULARY
from html_reading import Page

from prosa.core.errors import UserError
from prosa.core.language import language, set_language
from prosa.show.report import write_report

LANGS = ("en", "pt-BR")


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_both_languages_are_in_the_page_and_it_opens_in_the_one_in_force(run_folder: Path) -> None:
    for lang in LANGS:
        set_language(lang)
        page = read(write_report(run_folder))
        assert language() == lang  # left as it was
        root = page.elements[0]
        assert root[0] == "html"
        assert root[1] == {"lang": lang, "data-lang": lang}
        pressed = {a["lang"]: a["aria-pressed"] for tag, a, _ in page.elements if tag == "button"}
        assert pressed == {other: "true" if other == lang else "false" for other in LANGS}
    assert "How good it is" in page.text["en"]
    assert "Quão bom ficou" in page.text["pt-BR"]
    heads = [[tag for tag, _, main in page.elements if main == lang and re.fullmatch("h[1-6]", tag)] for lang in LANGS]
    assert heads[0] == heads[1]  # the same sections, in the same order
    assert heads[0].count("h1") == 1
    assert heads[0].count("h2") == 7
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = {a["href"] for tag, a, _ in page.elements if tag == "a"}
    assert len(links) == 14
    assert links <= {f"#{i}" for i in ids}


def test_it_needs_no_network(run_folder: Path) -> None:
    path = write_report(run_folder)
    page = read(path)
    for tag, attributes, _ in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        for name, value in attributes.items():
            assert name not in {"src", "srcset", "action", "data"}, (tag, name)
            assert name != "href" or (value or "").startswith("#")
            assert "url(" not in (value or "")
    assert not re.search(r"@import|url\(|https?:", "".join(page.raw["style"]))
    scripts = page.raw["script"]
    assert sum("plotly.js v" in script for script in scripts) == 1  # once for all plots of both languages
    for script in scripts:
        if "plotly.js v" not in script:
            assert not re.search(r"https?:|import\b|fetch\(|XMLHttpRequest", script)
    policy = next(a["content"] for _, a, _ in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy or "")
    assert path.stat().st_size < 5_500_000


def test_numbers_are_those_of_the_run_in_each_language(run_folder: Path) -> None:
    page = read(write_report(run_folder))
    english, portuguese = page.text["en"], page.text["pt-BR"]
    parameters = VOCABULARY * 384 + 7
    assert f"{parameters / 1e6:.2f} million" in english  # 1,572,871
    for en, pt in (
        ("1.57 million", "1,57 mi"),
        ("1.736", "1,736"),  # bits per byte
        ("1.710 to 1.763", "1,710 a 1,763"),
        ("187 held-out documents", "187 documentos reservados"),
        ("121,400 tokens", "121.400 tokens"),
        ("421,875 bytes", "421.875 bytes"),
        ("Perplexity 65.50", "Perplexidade 65,50"),
        ("2,014", "2.014"),  # documents read
        ("10.5 MB", "10,5 MB"),
        ("99.4%", "99,4%"),  # 1850 of 1862 in Portuguese
        ("9 min 41 s", "9 min 41 s"),  # 2000 steps x 0.29 s + 1 s
    ):
        assert en in english
        assert pt in portuguese
    factor = 121_400 / 421_875 / math.log(2)  # nats a token -> bits a byte
    for key, nats in EVALUATION["baselines"].items():  # type: ignore[attr-defined]
        assert f"{nats:.3f}" in english, key
        assert f"{nats * factor:.3f}" in english, key
        assert f"{nats * factor:.3f}".replace(".", ",") in portuguese, key


def test_every_removing_rule_is_told_with_its_examples(run_folder: Path) -> None:
    text = read(write_report(run_folder)).text["en"]
    for rule in CORPUS["rules"]:  # type: ignore[attr-defined]
        for example in rule["examples"]:
            assert example["source"] in text
            assert example["why"] in text
            assert example["excerpt"][:300] in text
    assert "Examples: near duplicates" in text
    assert "other languages" not in text  # removed nothing
    assert "What cleaning repaired" in text
    assert text.count("Examples: wrapped lines joined") == 1  # among the repairs, not among the removals
    assert "A document has 61 to 240,112 characters; half of them have at most 3,122." in text
    assert "quebrado.pdf: EOF marker not found" in text


def test_plots_hold_the_metrics_in_both_languages(run_folder: Path) -> None:
    page = read(write_report(run_folder))
    lines = [json.loads(line) for line in (run_folder / "base/metrics.jsonl").read_text("utf-8").splitlines()]
    validation = [line for line in lines if line["kind"] == "validation"]
    assert set(page.figures) == {f"{lang}_plot_{key}" for lang in LANGS for key in ("loss", "schedule", "speed")}
    places = {a["id"]: a for _, a, _ in page.elements if a.get("class") == "plot"}
    assert set(places) == set(page.figures)
    assert all(place["role"] == "img" and len(place["aria-label"] or "") > 20 for place in places.values())
    for lang, name, baseline in (("en", "validation", "bigram"), ("pt-BR", "validação", "bigrama")):
        loss = page.figures[f"{lang}_plot_loss"]
        curve = next(trace for trace in loss["data"] if trace.get("name") == name)
        assert curve["x"] == [line["step"] for line in validation]
        assert curve["y"] == [line["loss"] for line in validation]
        factor = 121_400 / 421_875 / math.log(2)
        assert curve["customdata"] == pytest.approx([line["loss"] * factor for line in validation])
        level = next(trace for trace in loss["data"] if trace.get("name") == baseline)
        assert level["y"] == [5.0127, 5.0127]
        assert any(
            note["text"] == f"{baseline} 5{'.' if lang == 'en' else ','}01" for note in loss["layout"]["annotations"]
        )
        assert loss["layout"]["separators"] == (".," if lang == "en" else ",.")
    schedule = page.figures["en_plot_schedule"]["data"]
    train = [line for line in lines if line["kind"] == "train"]
    assert schedule[0]["y"] == [line["lr"] for line in train]
    assert schedule[1]["y"] == [line["grad_norm"] for line in train]


def test_plots_have_no_colours_of_their_own(run_folder: Path) -> None:
    page = read(write_report(run_folder))
    css = "".join(page.raw["style"])
    light, dark = css.split("prefers-color-scheme: dark", 1)
    used = set(re.findall(r"var\((--[\w-]+)\)", json.dumps(page.figures)))
    assert {"--series-1", "--series-2", "--baseline", "--ink", "--grid"} <= used
    for name in used | set(re.findall(r"(--[\w-]+):", light)):
        assert f"{name}:" in light, name
        assert f"{name}:" in dark, name
    assert not re.search(r"#[0-9a-fA-F]{6}", json.dumps(page.figures))


def test_text_is_legible(run_folder: Path) -> None:
    """WCAG AA: 4.5 between text and what is behind it, in both schemes."""
    css = "".join(read(write_report(run_folder)).raw["style"])

    def luminance(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    def contrast(a: str, b: str) -> float:
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for part in css.split("prefers-color-scheme: dark", 1):
        colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6})", part))
        pairs = [(text, back) for text in ("ink", "muted", "accent") for back in ("paper", "card")]
        pairs += [("ink", f"piece-{i}") for i in range(5)]
        for text, back in pairs:
            assert contrast(colours[text], colours[back]) >= 4.5, (text, back)
        for line in ("series-1", "series-2", "series-3", "series-4", "baseline"):
            assert contrast(colours[line], colours["paper"]) >= 3, line


def test_samples_come_with_their_step_and_loss(run_folder: Path) -> None:
    text = read(write_report(run_folder)).text["en"]
    at = [text.index(sample[:60]) for _, sample in SAMPLES]
    assert at == sorted(at)
    for step, sample in SAMPLES:
        assert f"Era uma vez{sample}" in text
        assert f"Step {step:,}" in text
    lines = [json.loads(line) for line in (run_folder / "base/metrics.jsonl").read_text("utf-8").splitlines()]
    at_500 = next(line["loss"] for line in lines if line["kind"] == "validation" and line["step"] == 500)
    assert f"Step 500loss {at_500:.2f} nats per token" in text  # measured there
    at_100 = next(line["loss"] for line in lines if line["kind"] == "train" and line["step"] == 100)
    assert f"Step 100loss {at_100:.2f} nats per token" in text  # the nearest training loss


def test_sentences_are_cut_into_pieces_that_join_to_them(run_folder: Path) -> None:
    html = write_report(run_folder).read_text(encoding="utf-8")
    sentences = re.findall(r'<p class="pieces">(.*?)</p>', html, re.DOTALL)
    assert len(sentences) == 2 * 4
    for sentence in sentences:
        plain = re.sub(r"<[^>]+>", "", sentence)
        assert any(plain in text for text in TEXTS), plain
        assert sentence.count("<span") > len(plain.split())


def test_user_text_stays_text(run_folder: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"q\" 'a' \x00\x1b[31m \ud800 ]]>"
    report = json.loads((run_folder / "corpus/report.json").read_text("utf-8"))
    report["rules"] = [
        {
            "rule": evil,
            "kind": "removes",
            "documents": 1,
            "bytes": 9,
            "examples": [{"source": evil, "excerpt": evil, "why": evil}],
        }
    ]
    report["problems"], report["languages"], report["formats"] = [{"source": evil, "why": evil}], {evil: 2}, {evil: 2}
    (run_folder / "corpus/report.json").write_text(json.dumps(report), encoding="utf-8")
    (run_folder / "corpus/held_out.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in (evil.replace("\ud800", ""), evil)), encoding="utf-8"
    )
    (run_folder / "recipe.yaml").write_text("name: '" + evil.split("\x00")[0] + "'", encoding="utf-8")
    environment = {"command": ["prosa", "build", evil], "cpu": evil, "packages": {evil: evil}}
    (run_folder / "base/env.json").write_text(json.dumps(environment), encoding="utf-8")
    evaluation = EVALUATION | {"baselines": {"kn2": 5.0, evil: 6.0}}
    (run_folder / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    with (run_folder / "base/metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kind": "sample", "step": 2000, "prompt": evil, "text": evil}) + "\n")
    harmless = shutil.copytree(run_folder, run_folder.parent / "<script>alert(3)<")

    for folder in (run_folder, harmless):
        path = write_report(folder)
        page = read(path)
        scripts = [attributes for tag, attributes, _ in page.elements if tag == "script"]
        assert scripts == [{}, {"type": "application/json", "id": "figures"}, {}]
        assert not [tag for tag, _, _ in page.elements if tag == "img"]
        assert not [a for _, attributes, _ in page.elements for a in attributes if a.startswith("on")]
        for lang in LANGS:
            assert page.text[lang].count("</script><script>alert(1)</script><img src=x onerror=alert(2)>") >= 10
            assert "␀␛[31m �" in page.text[lang]
        assert "\x00" not in path.read_text(encoding="utf-8")
        assert "<" not in page.raw["script"][1]  # the figures: no markup can end the script element
        json.dumps(page.figures).encode("utf-8")


MISSING = {
    "corpus": "the corpus and what cleaning removed",
    "tokenizer": "the vocabulary",
    "base": "the loss curves",
    "evaluation.json": "the quality on held-out text",
}


@pytest.mark.parametrize("part", MISSING)
def test_a_part_that_is_missing_is_said_to_be_so(run_folder: Path, part: str) -> None:
    path = run_folder / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if part == "tokenizer":
        (run_folder / "base/tokenizer.json").unlink()
    page = read(write_report(run_folder))
    assert f"Not made yet: {MISSING[part]}" in page.text["en"]
    assert page.text["pt-BR"].count("Ainda não feito: ") == page.text["en"].count("Not made yet: ")
    others = [text for name, text in MISSING.items() if name != part]
    assert not any(f"Not made yet: {text}" in page.text["en"] for text in others)


def test_a_run_that_only_began(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    page = read(write_report(tmp_path))
    assert page.text["en"].count("Not made yet: ") == 8  # each section, and the configuration
    assert "The model was not evaluated yet" in page.text["en"]
    assert page.figures == {}
    assert not any("plotly.js v" in script for script in page.raw["script"])  # nothing to draw


def test_null_and_strange_values_are_left_out(run_folder: Path) -> None:
    evaluation = {
        "nats_per_token": 4.0,
        "bits_per_byte": None,
        "baselines": {"uniform": None, "kn2": "?"},
        "interval": None,
    }
    (run_folder / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    (run_folder / "corpus/report.json").write_text('{"rules": [3], "languages": {"pt": "x"}, "bytes_in": NaN}')
    (run_folder / "data/index.json").write_text("[]")
    (run_folder / "base/env.json").write_text('{"command": "prosa build"}')
    (run_folder / "base/model.safetensors").write_bytes(b"\x00")
    page = read(write_report(run_folder))
    assert "There are no baselines to compare with" in page.text["en"]
    assert "base/model.safetensors" in page.text["en"]
    assert "data/index.json" in page.text["en"]


@pytest.mark.parametrize(
    "strange",
    [
        {"rules": 5},
        {"rules": [5]},
        {"problems": "x"},
        {"problems": {"a": 1}},
        {"languages": [1]},
        {"formats": 5},
        {"train": [1]},
        {"held_out": "x"},
        {"lengths": 5},
        {"rules": [{"rule": ["length"], "kind": "removes", "documents": 1, "bytes": 2, "examples": 5}]},
        {"rules": [{"kind": ["removes"], "examples": [7]}]},
        {"rules": [{"rule": 5, "kind": "removes", "documents": 1, "examples": ["x"]}]},
    ],
    ids=str,
)
def test_strange_types_in_the_corpus_report_are_left_out_and_told(run_folder: Path, strange: dict[str, object]) -> None:
    assert "Files that could not be read" not in read(write_report(run_folder)).text["en"]
    (run_folder / "corpus/report.json").write_text(json.dumps(CORPUS | strange), encoding="utf-8")
    text = read(write_report(run_folder)).text["en"]
    assert "Files that could not be read in fullcorpus/report.json" in text
    assert "2,014" in text  # what is sound is shown


def test_metrics_of_strange_types(run_folder: Path) -> None:
    lines = [{"kind": ["train"], "step": 1}, {"kind": "train", "step": 10**400}]
    (run_folder / "base/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "Not made yet: the loss curves" in read(write_report(run_folder)).text["en"]


def test_one_of_a_kind_is_singular(run_folder: Path) -> None:
    config = json.loads((run_folder / "base/config.json").read_text("utf-8"))
    config |= {"num_hidden_layers": 1, "num_attention_heads": 1}
    (run_folder / "base/config.json").write_text(json.dumps(config), encoding="utf-8")
    one = EVALUATION | {"documents": 1, "interval_over": "windows"}
    (run_folder / "evaluation.json").write_text(json.dumps(one), encoding="utf-8")
    page = read(write_report(run_folder))
    assert "1 layer, 1 head, 384 wide" in page.text["en"]
    assert "1 camada, 1 cabeça, 384 de largura" in page.text["pt-BR"]
    assert ": 1 document, 121,400 tokens" in page.text["en"]
    assert ": 1 documento, 121.400 tokens" in page.text["pt-BR"]
    assert "The interval is over windows of a single text" in page.text["en"]
    assert "documents only" not in page.text["en"]


def test_out_and_a_folder_that_is_no_run(run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "page.html"
    assert write_report(run_folder, out) == out
    assert read(out).elements
    assert not (run_folder / "report.html").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="is not a run folder"):
        write_report(empty)


def test_it_tells_how_to_repeat_the_run(run_folder: Path) -> None:
    text = read(write_report(run_folder)).text["en"]
    assert "prosa build 'meus textos/' --out runs/eu" in text
    assert f"prosa build TEXTS --recipe {run_folder.as_posix()}/recipe.yaml --out {run_folder.as_posix()}-2" in text
    assert (run_folder / "recipe.yaml").read_text("utf-8").strip() in text
    recipe = run_folder / "recipe.yaml"
    recipe.write_text("paths:\n- a.txt\n", encoding="utf-8")
    assert f"prosa build --recipe {recipe.as_posix()}" in read(write_report(run_folder)).text["en"]


def test_an_interval_over_few_documents_is_said_to_be_one(run_folder: Path) -> None:
    assert "documents only" not in read(write_report(run_folder)).text["en"]
    (run_folder / "evaluation.json").write_text(json.dumps(EVALUATION | {"documents": 2}), encoding="utf-8")
    assert "The interval is over 2 documents only" in read(write_report(run_folder)).text["en"]
    windows = EVALUATION | {"documents": 1, "interval_over": "windows"}
    (run_folder / "evaluation.json").write_text(json.dumps(windows), encoding="utf-8")
    assert "over windows of one held-out text" in read(write_report(run_folder)).text["en"]


def test_passes_over_the_text(run_folder: Path) -> None:
    text = read(write_report(run_folder)).text["en"]
    assert "2,000 steps, the text 3.1 times over, training is complete" in text  # 2001 x 4096 / 2,655,000
    (run_folder / "base/COMPLETE").unlink()
    text = read(write_report(run_folder)).text["en"]
    assert "the text 3.1 times over, not finished" in text
    assert "Training did not reach its end yet." in text
