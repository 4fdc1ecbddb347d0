"""The published documents, made of the code: OpenAPI for HTTP, AsyncAPI for the socket, JSON Schema for all of it.

    chalicelib/core/requests.py   what clients say by HTTP    ─┐
    chalicelib/core/commands.py   and over the socket          │
    chalicelib/core/frames.py     the objects that we say      │
    chalicelib/core/wire.py       answers, frames, events      ├─ definitions.py ── openapi.py
    chalicelib/core/errors.py     what can go wrong            │                 ├─ asyncapi.py
    chalicelib/core/limits.py     the default limits           │                 └─ documents.py
    chalicelib/edge/routes.py     what each route takes       ─┘
    specs/glossary.py             what each field means, with an example

`python -m specs` writes them, `python -m specs --check` says whether they are up to date. Nothing of this is
deployed but the OpenAPI document itself.
"""
