"""Which choices rounding could decide."""

import torch

from prosa.generate.choose import choose
from prosa.generate.sampling import Sampling

LOGITS = torch.tensor([0.4, 0.3, 0.2, 0.1]).log().expand(5, 4)


def test_greedy_near_ties_are_told():
    logits = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0 + 5e-5, 0.0], [1.0, 1.001, 0.0], [40.0, 40.003, 0.0]])
    chosen, doubtful = choose(logits, torch.zeros(4), Sampling(temperature=0))
    assert chosen.tolist() == [0, 1, 1, 1]
    assert doubtful.tolist() == [True, True, False, True]


def test_a_vocabulary_of_one_is_never_doubtful():
    chosen, doubtful = choose(torch.zeros(2, 1), torch.zeros(2), Sampling(temperature=0))
    assert (chosen.tolist(), doubtful.tolist()) == ([0, 0], [False, False])


def test_the_colder_the_wider_the_edge():
    """Two readings of the same logits, as far apart as rounding is, choose differently: both say that they may."""
    for temperature in (1.0, 0.1, 0.01, 0.002):
        sampling = Sampling(temperature=temperature)
        exact = torch.tensor([[1.0, 1.0 + 0.3 * temperature, 1.0 - 0.5 * temperature]], dtype=torch.float64)
        other = exact + torch.tensor([[1e-6, -1e-6, 0.0]], dtype=torch.float64)
        edges = [torch.softmax(logits / temperature, dim=-1)[0, 0] for logits in (exact, other)]
        draws = (edges[0] + edges[1])[None] / 2
        found = [choose(logits, draws, sampling) for logits in (exact, other)]
        assert [ids.tolist() for ids, _ in found] == [[1], [0]]
        assert all(doubtful.tolist() == [True] for _, doubtful in found)
        assert not choose(exact, edges[:1][0][None] - 0.01, sampling)[1].any()


def test_draws_near_the_edge_between_two_tokens_are_told():
    draws = torch.tensor([0.4 - 1e-6, 0.4 + 1e-6, 0.4 + 1e-5, 0.0, 1 - 2**-53], dtype=torch.float64)
    chosen, doubtful = choose(LOGITS, draws, Sampling())
    assert chosen.tolist() == [0, 1, 1, 0, 3]
    assert doubtful.tolist() == [True, True, False, False, False]
