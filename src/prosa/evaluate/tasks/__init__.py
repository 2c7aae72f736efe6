"""Tasks with verifiable answers: problems from a seed, a checker each, train and test apart by construction."""
