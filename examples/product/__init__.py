"""A marketplace with a chat: the backend of a product whose buyers and sellers talk to each other.

    python -m uvicorn --factory examples.product.main:from_environment --port 9000

`docs/integrate.md` follows it line by line.
"""
