"""Pairs of sentences: reading them, bad lines, the division, and batches of like lengths."""

import numpy as np
import pytest
import torch

from prosa.core.errors import UserError
from prosa.corpus.problems import Problems
from prosa.data.batches import IGNORE
from prosa.data.pair_batches import POOL, PairBatches
from prosa.data.pairs import Pair, PairColumns, divide_pairs, read_pairs


def read(path, text: str, columns: PairColumns = PairColumns()) -> tuple[list[tuple[str, str]], Problems]:
    path.write_text(text, encoding="utf-8")
    problems = Problems()
    return [(p.text, p.translation) for p in read_pairs([path], problems, columns)], problems


def test_tsv_without_a_header_and_its_bad_lines(tmp_path) -> None:
    path = tmp_path / "p.tsv"
    lines = "um gato\tone cat\nsem tradução\n\n \tempty\nvazio\t\nA  casa\tthe house\tCC0\nfim\tend\n"
    pairs, problems = read(path, lines + "a\tb\n")
    assert pairs == [("um gato", "one cat"), ("A casa", "the house"), ("fim", "end"), ("a", "b")]
    assert [(p.source, p.why) for p in problems.named] == [
        (f"{path.as_posix()}:2", "a column is missing: 1 of at least 2"),
        (f"{path.as_posix()}:4", "the source is empty"),
        (f"{path.as_posix()}:5", "the target is empty"),
    ]


def test_columns_by_number_and_by_name(tmp_path) -> None:
    pairs, _ = read(tmp_path / "p.tsv", "one\tx\tum\ntwo\ty\tdois\n", PairColumns("3", "1"))
    assert pairs == [("um", "one"), ("dois", "two")]
    for name, text in (
        ("p.tsv", "en\tpt\none\tum\n"),
        ("p.csv", "en,pt\none,um\n"),
        ("p.jsonl", '{"en":"one","pt":"um"}'),
    ):
        assert read(tmp_path / name, text, PairColumns("pt", "en"))[0] == [("um", "one")]
    assert read(tmp_path / "q.tsv", "source\ttarget\num\tone\n")[0] == [("um", "one")]
    with pytest.raises(UserError, match="'fr'"):
        read(tmp_path / "p.tsv", "en\tpt\none\tum\n", PairColumns("fr", "en"))
    with pytest.raises(UserError, match="which column has the source"):
        read(tmp_path / "p.csv", "en,pt\none,um\n")


def test_a_record_without_its_field_is_named(tmp_path) -> None:
    text = '{"en":"one","pt":"um"}\n{"en":"two"}\n{"en":"x","pt":"y"}\n'
    pairs, problems = read(tmp_path / "p.jsonl", text, PairColumns("en", "pt"))
    assert len(pairs) == 2
    assert problems.named[0].source.endswith("p.jsonl:2")
    assert "no field 'pt'; there are: 'en'" in problems.named[0].why


@pytest.mark.parametrize("text", ["só um lado\noutro\num\tone\n", "", "\n\n"])
def test_mostly_bad_or_empty_is_refused(tmp_path, text) -> None:
    with pytest.raises(UserError, match=r"bad records: 2 of 3\. The first: .*p.tsv:1|there is no pair"):
        read(tmp_path / "p.tsv", text)


def test_other_files_are_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="format not read"):
        read(tmp_path / "p.docx", "x\ty")
    with pytest.raises(UserError, match="is not a file"):
        read_pairs([tmp_path / "none.tsv"], Problems())


def numbered(n: int) -> list[Pair]:
    return [Pair(f"fonte {i}", f"target {i}", f"f:{i}") for i in range(n)]


def test_division_is_by_the_source_and_leaves_no_leak() -> None:
    pairs = numbered(2000)
    clean = divide_pairs(pairs, 0.1)
    assert 150 < len(clean.held_out) < 250
    assert len(clean.train) + len(clean.held_out) == 2000
    assert (clean.repeated, clean.leaks) == (0, 0)
    reversed_ = divide_pairs(pairs[::-1], 0.1)
    assert set(reversed_.held_out) == set(clean.held_out)
    held, learnt = clean.held_out[0], clean.train[0]
    more = [
        Pair(held.text.upper() + " ", "another", "f:a"),  # the same source: not measured on twice
        Pair(held.text, held.translation.upper(), "f:b"),  # a repetition
        Pair(clean.held_out[1].text, "x", "f:c"),
        Pair(learnt.text, clean.held_out[2].translation, "f:d"),  # trained on: the translation is known then
    ]
    found = divide_pairs([*pairs, *more], 0.1)
    assert found.repeated == 1
    assert found.leaks == 3
    assert {p.place for p in found.train} == {p.place for p in [*clean.train, more[3]]}
    assert {p.place for p in found.held_out} == {p.place for p in clean.held_out} - {clean.held_out[2].place}
    assert divide_pairs(pairs, 0.0).held_out == []


def ids(lengths: list[tuple[int, int]]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.full(a, i + 1), np.full(b, i + 1)) for i, (a, b) in enumerate(lengths)]


def test_a_batch_by_hand() -> None:
    batches = PairBatches(ids([(2, 1), (1, 3)]), context=8, end=0, batch_size=2, seed=0)
    batch = next(batches.once())
    assert batch.source.tolist() == [[1, 1, 0], [2, 0, 0]]
    assert batch.lengths.tolist() == [3, 2]
    assert batch.inputs.tolist() == [[0, 1, 0, 0], [0, 2, 2, 2]]
    assert batch.targets.tolist() == [[1, 0, IGNORE, IGNORE], [2, 2, 2, 0]]


def test_batches_are_a_function_of_seed_and_step() -> None:
    draws = np.random.default_rng(0)
    pairs = ids([(int(a), int(b)) for a, b in draws.integers(1, 30, (640, 2))])
    make = lambda seed=3: PairBatches(pairs, context=32, end=0, batch_size=8, seed=seed)  # noqa: E731
    batches = make()
    steps = [batches.at(s) for s in range(2 * POOL + 5)]
    for s in (POOL + 3, 0, 7):
        again = make().at(s)
        assert all(torch.equal(getattr(again, n), getattr(steps[s], n)) for n in ("source", "inputs", "targets"))
        halves = [make().at(s, rank, 2) for rank in range(2)]
        assert sum(len(h.inputs) for h in halves) == 8
        assert [int(h.source[0, 0]) for h in halves] == [int(steps[s].source[0, 0]), int(steps[s].source[4, 0])]
    assert not torch.equal(make(4).at(1).inputs, steps[1].inputs)
    assert batches.steps_per_epoch == 80
    pooled = [int(r) for s in range(2 * POOL) for r in batches.at(s).source[:, 0]]
    assert len(set(pooled)) == len(pooled) == 16 * POOL  # within an epoch every pair at most once
    assert steps[0].targets.shape[1] == max(b.targets.shape[1] for b in steps[:POOL])  # the longest come first
    padding = sum(int((b.targets == IGNORE).sum()) for b in steps) / sum(b.targets.numel() for b in steps)
    assert padding < 0.05


def test_too_long_pairs_are_left_out_and_counted() -> None:
    batches = PairBatches(ids([(2, 1), (9, 3), (3, 7), (7, 8)]), context=8, end=0, batch_size=2, seed=0)
    assert (batches.fit.pairs, batches.fit.too_long) == (2, 2)
    with pytest.raises(UserError, match="no pair is shorter than the context of 4 tokens"):
        PairBatches(ids([(9, 1)]), context=4, end=0, batch_size=2, seed=0)
