"""`panal serve`: the server in the foreground."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from panal.settings import Settings

from . import lock
from .refusals import refuse
from .start import Data, django_with, make_folder, reading, settings_with


def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", envvar="PANAL_HOST")] = None,
    http_port: Annotated[
        int | None, typer.Option(help="Pages, REST, devices over HTTP.", envvar="PANAL_HTTP_PORT")
    ] = None,
    stream_port: Annotated[int | None, typer.Option(help="Streams.", envvar="PANAL_STREAM_PORT")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="MQTT.", envvar="PANAL_MQTT_PORT")] = None,
    tls_cert: Annotated[str | None, typer.Option(help="Certificate chain (PEM).", envvar="PANAL_TLS_CERT")] = None,
    tls_key: Annotated[str | None, typer.Option(help="Its private key (PEM).", envvar="PANAL_TLS_KEY")] = None,
) -> None:
    """Start the server: pages, REST, devices and the broker, until Ctrl-C."""
    settings = alone_with(
        data=data,
        host=host,
        http_port=http_port,
        stream_port=stream_port,
        mqtt_port=mqtt_port,
        tls_cert=tls_cert,
        tls_key=tls_key,
    )
    run(settings)


def alone_with(**options: object) -> Settings:
    """As `django_with`, and the data folder is this server's alone before anything in it is touched."""
    settings = settings_with(**options)
    make_folder(settings)
    lock.hold(Path(settings.data))
    return django_with()


def run(settings, companions=(), started=None) -> None:  # type: ignore[no-untyped-def]
    """Run the server on uvloop; what hinders its start is said in a sentence."""
    logging.basicConfig(
        level=settings.log_level,
        filename=settings.log_file,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("picows").setLevel(max(logging.WARNING, logging.getLogger().level))  # else every peer
    with reading():
        import uvloop

        from panal.gateway.broker import BrokerFailed
        from panal.gateway.listening import CannotListen
        from panal.server import Server

    async def main() -> None:
        await Server(settings, companions).run(started or announce)

    try:
        uvloop.run(main())
    except (CannotListen, BrokerFailed) as error:
        refuse(str(error))


def announce(server) -> None:  # type: ignore[no-untyped-def]
    """One line that people read and programs may wait for."""
    typer.echo(
        f"panal: ready at {address(server)} (MQTT {server.gateway.ports.mqtt}, streams {server.gateway.ports.stream})"
    )


def address(server) -> str:  # type: ignore[no-untyped-def]
    """Where a browser on this machine finds the pages."""
    host = server.settings.host
    scheme = "https" if server.settings.tls else "http"
    return f"{scheme}://{'localhost' if host in ('0.0.0.0', '::') else host}:{server.http_port}"  # noqa: S104
