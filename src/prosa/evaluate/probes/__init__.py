"""Probes: what a model does that no task marks as right or wrong, measured with intervals."""
