"""The CloudFormation template: fragments to merge into Chalice's, one module per concern, and later changes.

Chalice's merge can neither remove a key nor extend a list; `compose.py` does that afterwards. `names.py` has the
logical ids that Chalice generates.
"""
