"""Token shards on disk, mixing, windows, packing, batches."""
