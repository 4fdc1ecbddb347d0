"""The published documents, made of the code: OpenAPI for HTTP, AsyncAPI for the socket, JSON Schema for all of it.

    chalicelib/core/protocol/requests.py   what clients say by HTTP    ─┐
    chalicelib/core/protocol/commands.py   and over the socket          │
    chalicelib/core/protocol/frames.py     the objects that we say      │
    specs/wire.py       answers, frames, events      ├─ definitions.py ── openapi.py
    chalicelib/core/kernel/errors.py     what can go wrong            │                 ├─ asyncapi.py
    chalicelib/core/kernel/limits.py     the default limits           │                 └─ documents.py
    chalicelib/edge/routes.py     what each route takes       ─┘
    specs/glossary.py             what each field means, with an example

`python -m specs` writes them, `python -m specs --check` says whether they are up to date. Nothing of this is
deployed but the OpenAPI document itself.
"""
