"""The sandbox over a real socket, and its control endpoint over another."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import ExitStack, closing, contextmanager
from threading import Thread, current_thread, main_thread
from time import sleep
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .faults import Faulty
from .faults.wire import deliver, hang_up
from .messages import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

    from .certificates import Certificates
    from .control import Control

    Answer = Callable[[Request], Response]
    Message = MutableMapping[str, Any]
    Application = Callable[
        [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
        Awaitable[None],
    ]


def serve(
    sandbox: Answer,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] | None = None,
    control: Control | None = None,
    tls: Certificates | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; call `ready` with the URL as soon as connections are accepted."""
    with ExitStack() as stack:
        server = _Server(sandbox, stack, (host, port), control, tls)
        server.ready = lambda: ready(server.url) if ready else None
        server.run(sockets=[server.listener])


@contextmanager
def running(
    sandbox: Answer, *, port: int = 0, control: Control | None = None, tls: Certificates | None = None
) -> Iterator[str]:
    """Serve in a thread for as long as the block lasts; yields the base URL."""
    with ExitStack() as stack:
        server = _Server(sandbox, stack, ("127.0.0.1", port), control, tls)
        thread = Thread(target=server.run, kwargs={"sockets": [server.listener]}, daemon=True)
        thread.start()
        try:
            while thread.is_alive() and not server.listening:
                sleep(0.005)
            yield server.url
        finally:
            server.should_exit = True
            thread.join()


class _Protocol(H11Protocol):
    """Hands itself to the application, so that a fault can do to the connection what HTTP knows no word for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, "protocol": self}


class _Server(uvicorn.Server):
    def __init__(
        self,
        sandbox: Answer,
        stack: ExitStack,
        address: tuple[str, int],
        control: Control | None,
        tls: Certificates | None,
    ) -> None:
        self._config = _config(sandbox)
        super().__init__(self._config)
        self.ready: Callable[[], None] = lambda: None
        self.listening = False
        self.listener = stack.enter_context(closing(_listen(*address)))
        self.url = _url(self.listener, "https" if tls else "http")
        self._control = control
        if tls:
            wrong = sandbox.faults.certificate if isinstance(sandbox, Faulty) else lambda: None
            self._config.load()
            self._config.ssl = tls.context(wrong)
        if control:
            self._second = stack.enter_context(closing(_listen(control.host, control.port)))
            control.url = _url(self._second, "http")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._control:
            await self._listen_too(self._control, self._second)
        self.listening = True
        self.ready()

    async def _listen_too(self, control: Control, listener: socket.socket) -> None:
        """In the same loop, so that what it sets holds for the next request; never over TLS."""
        config = _config(control)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Protocol(config, self.server_state, {}), sock=listener)
        self.servers.append(server)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's own, does not send itself the signal again: `serve` returns."""
        if current_thread() is not main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _config(answer: Answer) -> uvicorn.Config:
    return uvicorn.Config(
        application(answer),
        http=_Protocol,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def application(answer: Answer) -> Application:
    """The sandbox as an ASGI application. It answers within milliseconds, so it needs no other thread."""
    answered = _faulty(answer) if isinstance(answer, Faulty) else _plain(answer)

    async def app(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        protocol: H11Protocol = scope["state"]["protocol"]
        try:
            response = await answered(await _request(scope, receive))
            if response.delivery:
                await deliver(protocol, response, response.delivery)
                return
        except asyncio.CancelledError:  # the server stops while a fault takes its time
            hang_up(protocol, reset=True)
            return
        headers = [(k.lower().encode(), v.encode()) for k, v in response.headers]
        headers.append((b"content-length", b"%d" % len(response.body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    return app


def _plain(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        return answer(request)

    return answered


def _faulty(faulty: Faulty) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        exchange = faulty.begin(request)
        if exchange.wait:
            await asyncio.sleep(exchange.wait)
        return faulty.finish(exchange)

    return answered


async def _request(scope: Message, receive: Callable[[], Awaitable[Message]]) -> Request:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    return Request(scope["method"], target, headers, body)


def _listen(host: str, port: int) -> socket.socket:
    """Names the protocol, because asyncio sets TCP_NODELAY only then, and that saves 40 ms an answer."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
