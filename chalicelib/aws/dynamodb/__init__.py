"""The stores on DynamoDB: two tables, whose keys are in `keys.py` and `connection_keys.py`.

A store has its item mappings beside it (`…_items.py`); what several stores write together is in `append*.py`.
May import: core.kernel, core.model, core.ports, awshttp.
"""
