"""Fixtures: the tiny tokenizer, and a tiny model of each shape."""

import pytest
from tiny_generation import byte_level, random_model


@pytest.fixture(scope="session")
def tokenizer():
    return byte_level()


@pytest.fixture(scope="session", params=["classic", "modern"])
def model(request, tokenizer):
    return random_model(request.param, tokenizer.vocab_size)
