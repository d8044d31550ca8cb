"""The floor for HTTP: a Starlette endpoint that does nothing, under the same uvicorn with the same options."""

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def noop(request: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"ready {listener.getsockname()[1]}", flush=True)
    app = Starlette(routes=[Route("/noop", noop, methods=["POST"])])
    options = {
        "http": "httptools",
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "server_header": False,
    }
    uvicorn.Server(uvicorn.Config(app, log_config=None, **options)).run(sockets=[listener])


if __name__ == "__main__":
    main()
