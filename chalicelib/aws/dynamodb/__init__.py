"""The stores on DynamoDB: two tables, whose keys are in `keys.py` and `connection_keys.py`.

The item mappings of a store are beside it (`…_items.py`); the transaction of an append is in `append*.py`.
May import: core.kernel, core.model, core.ports, awshttp.
"""
