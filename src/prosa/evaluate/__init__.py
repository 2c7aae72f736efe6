"""Loss, perplexity, bits per byte and n-gram baselines, with intervals."""
