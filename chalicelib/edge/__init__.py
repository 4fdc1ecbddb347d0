"""The edge: API Gateway's events, SQS messages and the schedule become calls of the core, and results responses.

Only this package and `app.py` import Chalice. It imports all of the core, `identity` and `observability`.
"""
