"""Forty comparisons of four models, and what evalica 0.4.2 makes of them: where test_ratings.py has its numbers from.

python -m venv /tmp/arena-venv && /tmp/arena-venv/bin/pip install evalica==0.4.2
/tmp/arena-venv/bin/python tests/evaluate/arena/evalica_reference.py
"""

# first, second and the winner's sign: > the first, < the second, = a tie
_GAMES = (
    "a<b a<c a=d b<c b>d c>d a<b a>c a<d b=c b>d c>d a<b a<c a>d b<c b=d c>d a>b a=c "
    "a<d b>c b>d c<d a=b a<c a>d b<c b>d c=d a<b a<c a>d b>c b<d c>d a>b a<c a>d b<c"
)
GAMES = _GAMES.split()

if __name__ == "__main__":
    import evalica
    import numpy as np

    winners = {">": evalica.Winner.X, "<": evalica.Winner.Y, "=": evalica.Winner.Draw}
    xs, ys = [game[0] for game in GAMES], [game[2] for game in GAMES]
    outcomes = [winners[game[1]] for game in GAMES]
    for k in (4.0, 32.0):
        print(f"elo, k = {k}:", evalica.elo(xs, ys, outcomes, k=k).scores.sort_index().to_dict())
    scores = evalica.bradley_terry(xs, ys, outcomes, tolerance=1e-15, limit=100_000).scores.sort_index()
    print("Bradley-Terry, in Elo points less their mean:")
    print((400 * (np.log10(scores) - np.log10(scores).mean())).to_dict())
