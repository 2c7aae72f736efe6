import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from data_helpers import ByteTokenizer, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.data.batches import IGNORE, Batches, check_same, validation_batches
from prosa.data.packing import document_numbers
from prosa.data.shards import TokenFolder, TokenStream

Make = Callable[..., TokenFolder]
VERDICT = np.load(Path(__file__).parent / "samples" / "the-verdict.gpt2-ids.npy")


def starts(batches: Batches, first: int, n_rows: int) -> list[int]:
    """Where rows first..first+n_rows-1 begin, for data whose ids count up from 0."""
    size = batches.batch_size
    rows = torch.cat([batches.at(s).inputs[:, 0] for s in range(first // size, -(-(first + n_rows) // size))])
    return rows[first % size : first % size + n_rows].tolist()


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(2, 400),
    context=st.integers(1, 40),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 5),
)
def test_each_window_comes_once_an_epoch(n: int, context: int, batch_size: int, seed: int, epoch: int) -> None:
    if n < context + 1:
        return
    batches = Batches(np.arange(n), context=context, batch_size=batch_size, seed=seed)
    count = batches.sources[0].count
    assert max(1, (n - context) // context) == count
    found = sorted(starts(batches, epoch * count, count))
    assert np.diff(found).tolist() == [context] * (count - 1)  # side by side: no window twice, none left out
    assert 0 <= found[0] < context
    assert found[-1] + context + 1 <= n
    assert batches.steps_per_epoch == -(-count // batch_size)


def test_rows_are_windows_and_targets_are_one_to_the_right() -> None:
    batches = Batches(VERDICT, context=16, batch_size=8, seed=1)
    batch = batches.at(3)
    assert batch.inputs.shape == batch.targets.shape == (8, 16)
    assert batch.inputs.dtype == batch.targets.dtype == torch.int64
    assert batch.documents is None
    windows = {tuple(row) for row in np.lib.stride_tricks.sliding_window_view(VERDICT.astype(np.int64), 17).tolist()}
    for x, y in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert x[1:] == y[:-1]
        assert (*x, y[-1]) in windows
    assert batches.tokens_per_step == 128


def test_epochs_differ_in_order_and_offset() -> None:
    batches = Batches(np.arange(10_000), context=10, batch_size=1, seed=5)
    count = batches.sources[0].count
    orders = [starts(batches, epoch * count, count) for epoch in range(4)]
    assert len({min(order) for order in orders}) > 1
    ranks = [np.argsort(order).tolist() for order in orders]
    assert all(a != b for i, a in enumerate(ranks) for b in ranks[:i])
    offsets = {min(starts(Batches(np.arange(50), context=10, batch_size=4, seed=s), 0, 4)) for s in range(80)}
    assert offsets == set(range(10))


def test_seeds_give_different_batches_and_the_same_seed_the_same() -> None:
    def first(seed: int) -> list[int]:
        return starts(Batches(np.arange(5000), context=10, batch_size=50, seed=seed), 0, 50)

    assert first(1) == first(1)
    assert first(1) != first(2)


@settings(deadline=None, max_examples=40)
@given(world=st.sampled_from([1, 2, 3, 4, 6, 12]), step=st.integers(0, 10**7), seed=st.integers(0, 99))
def test_ranks_together_have_the_rows_of_one(world: int, step: int, seed: int) -> None:
    batches = Batches(TokenStream.of_array(VERDICT, 13), context=32, batch_size=12, seed=seed, document_mask=True)
    whole = batches.at(step)
    parts = [batches.at(step, rank, world) for rank in range(world)]
    assert all(part.inputs.shape == (12 // world, 32) for part in parts)
    assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)
    assert torch.equal(torch.cat([p.documents for p in parts if p.documents is not None]), whole.documents)


@settings(deadline=None, max_examples=25)
@given(step=st.integers(0, 10**6), factor=st.sampled_from([2, 3, 4]))
def test_a_step_of_a_bigger_batch_is_several_of_a_smaller(step: int, factor: int) -> None:
    small = Batches(VERDICT, context=20, batch_size=3, seed=9)
    big = Batches(VERDICT, context=20, batch_size=3 * factor, seed=9)
    together = torch.cat([small.at(step * factor + k).inputs for k in range(factor)])
    assert torch.equal(big.at(step).inputs, together)


def test_any_step_alone_in_any_order() -> None:
    batches = Batches(VERDICT, context=32, batch_size=4, seed=3)
    forward = [batches.at(step).inputs for step in range(60)]
    fresh = Batches(VERDICT, context=32, batch_size=4, seed=3)
    for step in (59, 7, 30, 7):
        assert torch.equal(fresh.at(step).inputs, forward[step])


def test_a_far_step_costs_what_the_first_does() -> None:
    batches = Batches(VERDICT, context=32, batch_size=8, seed=3)

    def seconds(step: int) -> float:
        times = []
        for k in range(15):
            begin = time.perf_counter()
            batches.at(step + k)
            times.append(time.perf_counter() - begin)
        return float(np.median(times))

    assert seconds(10**9) < 5 * seconds(0) + 0.005


def test_sources_are_mixed_by_weight(make_folder: Make) -> None:
    folder = make_folder({"a": (texts(60, 1), [], 3.0), "b": (texts(40, 2), [], 1.0)}, shard_tokens=97)
    batches = Batches(folder, context=12, batch_size=8, seed=1)
    windows = {}
    for name in ("a", "b"):
        stream = folder.stream("train", name)
        ids = stream.tokens(0, len(stream))
        windows[name] = {tuple(row) for row in np.lib.stride_tricks.sliding_window_view(ids, 12).tolist()}
    for step in (0, 1, 5000, 10**6):
        rows = [tuple(row) for row in batches.at(step).inputs.tolist()]
        assert sum(row in windows["a"] for row in rows) == 6
        assert sum(row in windows["b"] for row in rows) == 2
    counts = {source.name: source.count for source in batches.sources}
    assert batches.epochs(1000) == {"a": 6000 / counts["a"], "b": 2000 / counts["b"]}
    assert batches.steps_per_epoch == -(-sum(counts.values()) // 8)


def test_every_source_gives_each_of_its_windows_once_an_epoch(make_folder: Make) -> None:
    folder = make_folder({"a": (texts(60, 1), [], 2.5), "b": (texts(13, 2), [], 1.0)})
    batches = Batches(folder, context=12, batch_size=7, seed=1)
    i = np.arange(3000)
    chosen, j = batches.mixture.sample(i)
    for k, source in enumerate(batches.sources):
        mine = j[chosen == k]
        assert mine.tolist() == list(range(len(mine)))
        for epoch in range(len(mine) // source.count):
            begins = source.starts(mine[epoch * source.count : (epoch + 1) * source.count], 1)
            assert np.diff(np.sort(begins)).tolist() == [12] * (source.count - 1)


def test_document_masking_with_an_end_of_text(make_folder: Make) -> None:
    folder = make_folder({"a": (texts(60, 1, longest=15), [], 1)})
    batch = Batches(folder, context=40, batch_size=6, seed=1, document_mask=True).at(2)
    assert batch.documents is not None
    assert torch.equal(batch.documents, torch.from_numpy(document_numbers(batch.inputs.numpy(), 256)))
    assert int(batch.documents.max()) > 1
    assert not (batch.targets == IGNORE).any()  # an end-of-text foresees the next document's first token


def test_document_masking_without_an_end_of_text(make_folder: Make) -> None:
    documents = texts(60, 1, longest=15)
    folder = make_folder({"a": (documents, [], 1)}, ByteTokenizer(256, None))
    of_token = np.repeat(np.arange(60), [len(d.text.encode("utf-8")) for d in documents])
    batches = Batches(folder, context=40, batch_size=6, seed=1, document_mask=True)
    plain = Batches(folder, context=40, batch_size=6, seed=1)
    begins = batches.sources[0].starts(np.arange(12, 18), 1)  # step 2
    batch, unmasked = batches.at(2), plain.at(2)
    assert batch.documents is not None
    for row, begin in enumerate(begins):
        mine = of_token[begin : begin + 41]
        assert batch.documents[row].tolist() == (mine[:-1] - mine[0]).tolist()
        same = torch.from_numpy(mine[1:] == mine[:-1])
        assert torch.equal(batch.targets[row], torch.where(same, unmasked.targets[row], IGNORE))


@settings(deadline=None, max_examples=60)
@given(n=st.integers(2, 200), context=st.integers(1, 50), batch_size=st.integers(1, 7))
def test_validation_counts_every_target_once(n: int, context: int, batch_size: int) -> None:
    ids = np.arange(1000, 1000 + n)
    batches = list(validation_batches(ids, context=context, batch_size=batch_size))
    assert all(len(b.inputs) == batch_size for b in batches[:-1])
    targets = torch.cat([b.targets.reshape(-1) for b in batches])
    inputs = torch.cat([b.inputs.reshape(-1) for b in batches])
    kept = targets != IGNORE
    assert targets[kept].tolist() == list(range(1001, 1000 + n))
    assert inputs[kept].tolist() == list(range(1000, 1000 + n - 1))
    assert all(b.inputs.shape[1] == context and b.inputs.min() >= 0 for b in batches)
    assert kept.sum() > len(kept) - context  # one partial window at most, and not an empty one


def test_validation_of_the_verdict() -> None:
    batches = list(validation_batches(VERDICT, context=256, batch_size=8))
    assert [tuple(b.inputs.shape) for b in batches] == [(8, 256), (8, 256), (5, 256)]
    assert sum(int((b.targets != IGNORE).sum()) for b in batches) == 5144
    assert batches[0].inputs[0, :4].tolist() == [40, 367, 2885, 1464]


def test_validation_covers_every_source_and_can_be_thinned(make_folder: Make) -> None:
    folder = make_folder({"a": (texts(9, 1), texts(30, 3), 5.0), "b": (texts(9, 2), texts(20, 4), 1.0)})
    full = list(validation_batches(folder, context=10, batch_size=4, document_mask=True))
    tokens = folder.totals("held_out")["tokens"]
    assert sum(int((b.targets != IGNORE).sum()) for b in full) == tokens - 2
    rows = torch.cat([b.inputs for b in full])
    few = list(validation_batches(folder, context=10, batch_size=4, max_windows=9))
    picked = torch.cat([b.inputs for b in few])
    assert torch.equal(picked, rows[[i * len(rows) // 9 for i in range(9)]])
    everything = list(validation_batches(folder, context=10, batch_size=4, max_windows=10**6))
    assert torch.equal(torch.cat([b.inputs for b in everything]), rows)
    assert all(b.documents is not None for b in full)
    assert all(b.documents is None for b in few)


def test_context_longer_than_the_data_is_refused_with_both_numbers(make_folder: Make) -> None:
    with pytest.raises(UserError, match=r"context of 5,145 needs at least 5,146 tokens, and there are 5,145"):
        Batches(VERDICT, context=5145, batch_size=1, seed=0)
    assert Batches(VERDICT, context=5144, batch_size=1, seed=0).at(7).inputs.shape == (1, 5144)
    folder = make_folder({"grande": (texts(60, 1), [], 1), "pequena": (texts(1, 2, longest=5), [], 1)})
    n = len(folder.stream("train", "pequena"))
    with pytest.raises(UserError, match=f"needs at least 101 tokens in source 'pequena', and there are {n}"):
        Batches(folder, context=100, batch_size=1, seed=0)
    set_language("pt-BR")
    try:
        with pytest.raises(UserError, match=r"um contexto de 5\.145 precisa de pelo menos 5\.146 tokens, e há 5\.145"):
            Batches(VERDICT, context=5145, batch_size=1, seed=0)
    finally:
        set_language(None)
    with pytest.raises(UserError, match="held_out split has no tokens"):
        validation_batches(folder, context=10, batch_size=1)


def test_impossible_sizes_are_refused() -> None:
    batches = Batches(VERDICT, context=16, batch_size=6, seed=0)
    with pytest.raises(UserError, match="6 rows cannot be shared equally among 4 processes"):
        batches.at(0, 0, 4)
    for step, rank, world in ((-1, 0, 1), (0, 2, 2), (0, -1, 2), (0, 0, 0)):
        with pytest.raises(ValueError, match="rank"):
            batches.at(step, rank, world)
    with pytest.raises(UserError, match="context is 0"):
        Batches(VERDICT, context=0, batch_size=6, seed=0)
    with pytest.raises(UserError, match="batch_size is 0"):
        validation_batches(VERDICT, context=4, batch_size=0)
    with pytest.raises(ValueError, match="max_windows"):
        validation_batches(VERDICT, context=4, batch_size=1, max_windows=0)


def test_fingerprint_tells_what_changed(make_folder: Make) -> None:
    train = texts(20, 1)

    def fingerprint(name: str, weight: float = 1.0, documents: object = train, **tokenizer: object) -> str:
        made = make_folder({"a": (documents, [], weight)}, ByteTokenizer(**tokenizer), name=name)  # type: ignore[arg-type]
        return Batches(made, context=8, batch_size=2, seed=0).fingerprint

    original = fingerprint("0")
    check_same(original, fingerprint("1"))
    changes = {
        "text of the corpus changed": fingerprint("2", documents=texts(20, 2)),
        "names or weights changed": fingerprint("3", weight=2.0),
        "tokenizer is another": fingerprint("4", fingerprint="0" * 64),
    }
    for why, other in changes.items():
        with pytest.raises(UserError, match=why):
            check_same(original, other)
    with pytest.raises(UserError) as caught:
        check_same(original, fingerprint("5", vocab_size=300, end_of_text=299))
    assert "tokenizer is another" in str(caught.value)
    assert "corpus changed" not in str(caught.value)  # the text may well be the same


def test_fingerprint_of_an_array() -> None:
    def of(ids: np.ndarray) -> str:
        return Batches(ids, context=8, batch_size=2, seed=0).fingerprint

    assert of(VERDICT) == of(VERDICT.astype(np.int64))
    changed = VERDICT.copy()
    changed[-1] += 1
    with pytest.raises(UserError, match="text of the corpus changed"):
        check_same(of(VERDICT), of(changed))


def test_batches_do_not_change_between_versions() -> None:
    """A resumed run must go on with the batches it would have had: these values are fixed."""
    batch = Batches(np.arange(1000), context=10, batch_size=6, seed=42).at(1000)
    assert batch.inputs[:, 0].tolist() == [773, 723, 553, 23, 403, 443]
