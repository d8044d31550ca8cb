"""`panal tls`: certificates for a local network, where no public authority signs."""

import socket
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from panal import certificates

from .refusals import refuse
from .start import Data, settings_with

app = typer.Typer(no_args_is_help=True, help="Certificates for a local network.")


@app.callback()
def subject() -> None:
    """Certificates for a local network."""


@app.command()
def init(
    data: Data = None,
    host: Annotated[list[str] | None, typer.Option(help="One more name or address of this server; may repeat.")] = None,
) -> None:
    """Make a private authority and a server certificate, or renew the certificate when it is due."""
    folder = Path(settings_with(data=data).data) / "tls"
    names = {*own_names(), *(_checked(name) for name in host or ())}
    try:
        made = certificates.ensure(folder, names, datetime.now(UTC))
    except certificates.CertificatesError as error:
        refuse(str(error))
    except OSError as error:
        refuse(
            f"{error.filename or folder} cannot be used ({error.strerror}): put it right, or give --data another one."
        )
    files = certificates.files_in(folder)
    typer.echo(f"{'Made' if made else 'Nothing to do: valid are'} the certificates in {folder}")
    typer.echo(f"  valid for  {', '.join(sorted(certificates.names_in(files.certificate)))}")
    typer.echo(f"  until      {certificates.expires_at(files.certificate):%Y-%m-%d}")
    typer.echo(NEXT.format(**{name: path.resolve() for name, path in files._asdict().items()}))


NEXT = """
Start the server with them (8883 is the usual port of MQTT with TLS):
  panal serve --tls-cert {certificate} --tls-key {key} --mqtt-port 8883
A board trusts {authority} and nothing else. Put it on the board as ca.pem; a virtual one takes it by
  panal virtual run --ca {authority} …
Browsers warn until {authority} is imported as an authority on that computer or phone.
Keep {authority_key} to yourself: whoever has it can pretend to be this server. Run this command again once a year."""


def own_names() -> set[str]:
    """What this machine is called and where it is found on its networks."""
    import psutil

    found = {"localhost", "127.0.0.1", "::1"}
    name = socket.gethostname().lower()
    if _is_host_name(name):
        found |= {name, f"{name.partition('.')[0]}.local"}
    for addresses in psutil.net_if_addrs().values():
        found |= {a.address for a in addresses if _is_reachable(a.address)}
    return found


def _is_reachable(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (address.is_link_local or address.is_loopback or address.is_unspecified)


def _checked(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    if _is_host_name(name):
        return name.lower()
    raise typer.BadParameter(f"{name!r} is neither a host name nor an address.", param_hint="--host")


def _is_host_name(name: str) -> bool:
    labels = name.removesuffix(".").removeprefix("*.").split(".")
    return all(0 < len(label) < 64 and label.replace("-", "a").isalnum() and label.isascii() for label in labels)
