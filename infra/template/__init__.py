"""The CloudFormation template: what is merged into Chalice's, one module per concern, and what is then changed.

Chalice merges dictionaries and can neither remove a key nor add to a list; `compose.py` says what therefore
happens after the merge. Names of resources that Chalice makes stand in `names.py`.
"""
