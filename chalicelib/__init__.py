"""The chat backend: everything that is packaged besides `app.py`."""
