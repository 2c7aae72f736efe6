"""One loop, objectives, optimizers, schedules, checkpoints."""
