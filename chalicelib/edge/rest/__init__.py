"""The HTTP API: a module per subject, a view per route. The first line of a view is its summary in OpenAPI.

Importing the package declares all routes.
"""

from chalicelib.edge.http import auth, rest

# The order of the OpenAPI document.
# isort: off
from chalicelib.edge.rest import conversations
from chalicelib.edge.rest import directs
from chalicelib.edge.rest import participants
from chalicelib.edge.rest import moderation
from chalicelib.edge.rest import messages
from chalicelib.edge.rest import account
from chalicelib.edge.rest import consent
from chalicelib.edge.rest import service_conversations
from chalicelib.edge.rest import service_moderation
from chalicelib.edge.rest import service_participants
from chalicelib.edge.rest import service_reports
from chalicelib.edge.rest import service_endpoints
from chalicelib.edge.rest import public
# isort: on

__all__ = [
    "account",
    "auth",
    "consent",
    "conversations",
    "directs",
    "messages",
    "moderation",
    "participants",
    "public",
    "rest",
    "service_conversations",
    "service_endpoints",
    "service_moderation",
    "service_participants",
    "service_reports",
]
