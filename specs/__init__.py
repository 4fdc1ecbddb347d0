"""The published documents, generated from the code: OpenAPI for HTTP, AsyncAPI and JSON Schema for the WebSocket.

    chalicelib/core/protocol/requests.py   bodies of requests                ─┐
    chalicelib/core/protocol/queries.py    queries of requests                │
    chalicelib/core/protocol/commands.py   frames from clients                │                  ┌─ openapi.py
    chalicelib/core/protocol/objects.py    objects in responses and frames    ├─ definitions.py ─┤
    chalicelib/core/kernel/errors.py       errors                             │                  └─ asyncapi.py
    chalicelib/edge/routes.py              routes                             │
    specs/wire/                            events, responses, server frames  ─┘

Each field is described by the docstring below it; its type has its constraints and an example.

`python -m specs` writes the documents, `python -m specs --check` fails if they are out of date. Only
`chalicelib/openapi.json` is deployed.
"""
