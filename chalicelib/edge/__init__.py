"""How requests come in: from events of API Gateway to the core, and back. Besides `app.py` the only Chalice."""
