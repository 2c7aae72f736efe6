"""How the report writes numbers."""

import pytest

from prosa.core.language import speaking
from prosa.show.words import significant


@pytest.mark.parametrize(
    ("value", "written"),
    [(4.00012e-3, "0,004"), (1.5e-8, "0,000000015"), (0.0, "0"), (0.02, "0,02"), (1.0, "1"), (1200.0, "1200")],
)
def test_a_learning_rate_is_written_without_exponent(value, written) -> None:
    with speaking("pt-BR"):
        assert significant(value) == written
    with speaking("en"):
        assert significant(value) == written.replace(",", ".")
