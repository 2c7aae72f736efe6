"""Tokens on disk and in batches: shards, mixing, windows, packing, a stateless order. Documents in, (B, T) out."""
