"""The routes of the marketplace. Users sign in here; for the chat they receive a token or a ticket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Cookie, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from serverless_chat import RefusedError, UnavailableError
from serverless_chat.blocking import Acting, Service

from examples.product import hooks
from examples.product.digest import Digests, smtp_sender
from examples.product.hooks import Hooks
from examples.product.identity import Identity
from examples.product.mirror import Mirror
from examples.product.push import WebPush, pywebpush_sender
from examples.product.settings import PAGE, Settings
from examples.product.users import User, Users


class Product(NamedTuple):
    """The parts that the routes use."""

    settings: Settings
    identity: Identity
    users: Users
    chat: Service

    def acting_for(self, user: User) -> Acting:
        """Return the requests to the chat in the name of a user."""
        return self.chat.acting_for(user.user_id, user.name)


class Credentials(BaseModel):
    """The form of signing in."""

    user_id: str = Field(pattern=r"^[a-z0-9]{1,32}$")
    password: str = Field(min_length=8, max_length=128)


class NewUser(Credentials):
    """The form of signing up."""

    name: str = Field(min_length=1, max_length=64)


def create_app(settings: Settings) -> FastAPI:
    """Return the application."""
    identity = Identity(settings.product_url)
    chat, users = Service(settings.chat_url, identity.service_token), Users(settings.database)
    mirror = Mirror(settings.database, chat.events)
    send = pywebpush_sender(settings.vapid_key, settings.product_url) if settings.vapid_key else None
    push = None if send is None else WebPush(settings.database, send)
    mail = smtp_sender(settings.smtp_host) if settings.smtp_host else None
    digests = None if mail is None else Digests(settings.database, mirror, mail, settings.mail_sender)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        chat.close()
        mirror.close()
        for notifier in (push, digests):
            if notifier is not None:
                notifier.close()
        users.close()

    app = FastAPI(title="Marketplace", lifespan=lifespan)
    app.state.product = Product(settings, identity, users, chat)
    app.state.hooks = Hooks(settings.webhook_secrets, mirror, push, digests)
    app.include_router(router)
    app.include_router(hooks.router)
    app.add_exception_handler(RefusedError, _on_refusal)
    app.add_exception_handler(UnavailableError, _on_silence)
    app.mount("/page", StaticFiles(directory=PAGE))
    return app


def from_environment() -> FastAPI:
    """Return the application with the settings of the environment, for `uvicorn --factory`."""
    return create_app(Settings.from_environment())


def _on_refusal(_: Request, error: Exception) -> JSONResponse:
    """Pass on a refusal of the chat that concerns the user, such as BLOCKED."""
    assert isinstance(error, RefusedError)  # noqa: S101 — registered for this class
    return JSONResponse({"code": error.code}, status_code=error.status if error.status in (403, 404, 409) else 502)


def _on_silence(_: Request, __: Exception) -> JSONResponse:
    """Report that the chat did not answer, after several attempts of its client. A repeat does nothing twice."""
    return JSONResponse({"code": "UNAVAILABLE"}, status_code=503)


def _product(request: Request) -> Product:
    product: Product = request.app.state.product
    return product


Parts = Annotated[Product, Depends(_product)]


def _signed_in(product: Parts, session: Annotated[str | None, Cookie()] = None) -> User:
    user = product.users.of_session(session or "")
    if user is None:
        raise HTTPException(401, "Sign in first.")
    return user


SignedIn = Annotated[User, Depends(_signed_in)]


def _administrator(product: Parts, user: SignedIn) -> User:
    if user.user_id not in product.settings.administrators:
        raise HTTPException(403, "Only administrators may do this.")
    return user


router = APIRouter()


@router.get("/")
def get_page() -> FileResponse:
    """Serve the page, which embeds the web component of the chat."""
    return FileResponse(PAGE / "index.html")


@router.get("/config.json")
def get_config(product: Parts) -> dict[str, str]:
    """Return the addresses that the page needs."""
    settings = product.settings
    return {"http_url": settings.chat_url, "ws_url": settings.chat_ws_url, "component": settings.component_url}


@router.get("/.well-known/jwks.json")
def get_key_set(product: Parts) -> dict[str, Any]:
    """Publish the keys with which the chat verifies tokens."""
    return product.identity.key_set()


@router.post("/users", status_code=201)
def sign_up(product: Parts, new: NewUser) -> dict[str, str]:
    """Add a user."""
    if not product.users.add(User(new.user_id, new.name), new.password):
        raise HTTPException(409, "The id is taken.")
    return {"user_id": new.user_id}


@router.post("/session", status_code=204)
def sign_in(product: Parts, credentials: Credentials, response: Response) -> None:
    """Sign in: the session is a cookie that scripts cannot read."""
    session = product.users.sign_in(credentials.user_id, credentials.password)
    if session is None:
        raise HTTPException(401, "The id or the password is wrong.")
    response.set_cookie("session", session, httponly=True, samesite="strict")


@router.post("/chat/token")
def create_token(product: Parts, user: SignedIn) -> dict[str, str]:
    """Return a token for the chat: the token callback of the client in the browser fetches it."""
    return {"token": product.identity.user_token(user.user_id, user.name)}


@router.post("/chat/ticket")
def create_ticket(product: Parts, user: SignedIn) -> dict[str, str]:
    """Return a ticket that opens one WebSocket as the user, without a token in the browser."""
    return {"ticket": product.acting_for(user).ticket()}


@router.post("/push/subscription", status_code=204)
def subscribe_to_push(request: Request, user: SignedIn, subscription: dict[str, Any]) -> None:
    """Store the push subscription of the user's browser."""
    push: WebPush | None = request.app.state.hooks.push
    if push is None or not isinstance(subscription.get("endpoint"), str):
        raise HTTPException(400, "There is no push here, or this is no subscription.")
    push.subscribe(user.user_id, subscription)


@router.get("/chat/conversations")
def list_conversations(product: Parts, user: SignedIn) -> dict[str, Any]:
    """List the user's conversations, for example for a badge in a page that this backend renders."""
    return product.acting_for(user).conversations()


@router.post("/items/{item_id}/contact")
def contact_seller(product: Parts, item_id: int, seller_id: str, user: SignedIn) -> dict[str, str]:
    """Open the conversation of a buyer with a seller, and note in it which item it is about."""
    seller = product.users.get(seller_id)
    if seller is None or seller == user:
        raise HTTPException(404, "There is no such seller.")
    conversation_id = product.acting_for(user).direct(seller.user_id, seller.name)["conversation_id"]
    notice, key = f"{user.name} asks about item {item_id}.", f"item-{item_id}-{user.user_id}"
    product.chat.send_system_message(conversation_id, notice, client_message_id=key)
    return {"conversation_id": conversation_id}


@router.put("/users/{user_id}/suspension", status_code=204, dependencies=[Depends(_administrator)])
def suspend(product: Parts, user_id: str) -> None:
    """Exclude a user from the product and from the chat at once."""
    product.users.suspend(user_id)
    product.chat.suspend(user_id)


@router.delete("/users/{user_id}/suspension", status_code=204, dependencies=[Depends(_administrator)])
def lift_suspension(product: Parts, user_id: str) -> None:
    """Let a user in again."""
    product.chat.suspend(user_id, suspended=False)
    product.users.lift_suspension(user_id)
