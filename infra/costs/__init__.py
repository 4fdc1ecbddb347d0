"""What a stage costs a month: prices and usage as data, the arithmetic between them, the tables of docs/costs.md.

`python -m infra.costs` prints them. `prices.json` says where each price comes from and of when it is;
`profile.json` holds every assumption about people and about a call, and `--profile FILE` replaces any of them.
"""
