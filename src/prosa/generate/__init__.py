"""Sampling and the batched engine with a key-value cache."""
