"""A few hundred of Schemathesis' requests to every endpoint; schemathesis_run.py makes as many as one wants."""

from pathlib import Path

import pytest
from schemathesis_run import run, tiny_model
from serving import Serving


@pytest.mark.parametrize(
    ("cases", "phases"),
    [(300, "fuzzing"), pytest.param(2000, "examples,coverage,fuzzing,stateful", marks=pytest.mark.slow)],
)
def test_every_endpoint(tmp_path: Path, cases: int, phases: str) -> None:
    server = Serving(tiny_model(tmp_path / "model"), tmp_path / "serve.sqlite")
    try:
        code, made, text = run(server, cases, tmp_path, phases=phases)
        assert code == 0, text[-4000:]
        assert made >= cases / 2  # routes without parameters have few
        assert server.idle()
        assert server.service.figures.failed == 0
    finally:
        server.close()
