"""Models against each other on the same prompts: judges, win rates, ratings, and what alignment costs in diversity."""
