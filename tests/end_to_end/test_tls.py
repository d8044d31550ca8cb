"""TLS on all three ports: a board in the MicroPython VM trusts the private authority, and nobody else's."""

import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from tests.end_to_end.boards import VirtualBoard
from tests.end_to_end.cameras import VirtualCamera
from tests.running import PATIENCE_S, Panal, clean_environment, until


class Secured(NamedTuple):
    panal: Panal
    authority: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    files = authority(folder)
    with Panal(folder, PANAL_TLS_CERT=str(files / "server.pem"), PANAL_TLS_KEY=str(files / "server.key")) as panal:
        yield Secured(panal, files / "ca.pem")


def authority(folder: Path) -> Path:
    command = [sys.executable, "-m", "panal", "tls", "init", "--data", str(folder)]
    subprocess.run(command, env=clean_environment(), check=True, capture_output=True, timeout=60)
    return folder / "tls"


@pytest.mark.parametrize("transport", ["mqtt", "http"])
def test_a_board_that_pins_the_authority_delivers_its_event(secured: Secured, tmp_path: Path, transport: str) -> None:
    [device] = secured.panal.mint()
    options = ("--transport", transport, "--ca", str(secured.authority))
    with VirtualBoard(secured.panal, device, tmp_path / "flash", *options) as board:
        board.wait_for(link="up")
        board.press()
        board.wait_until_said(queue=1)
        board.wait_for(queue=0)
    assert secured.panal.count("care_event", device["device_id"]) == 1


@pytest.mark.parametrize("transport", ["mqtt", "http"])
def test_a_board_that_pins_another_authority_tells_the_server_nothing(
    secured: Secured, tmp_path: Path, transport: str
) -> None:
    [device] = secured.panal.mint()
    other = authority(tmp_path / "other") / "ca.pem"
    options = ("--transport", transport, "--ca", str(other))
    with VirtualBoard(secured.panal, device, tmp_path / "flash", *options) as board:
        board.press()
        board.wait_for(queue=1)
        board.wait_for_log("certificate")
        assert {"link": "up"} not in board.said
        assert secured.panal.count("care_event", device["device_id"]) == 0


def test_a_camera_that_pins_the_authority_streams_beside_its_link(secured: Secured, tmp_path: Path) -> None:
    [device] = secured.panal.mint("camera-1")
    with VirtualCamera(secured.panal, device, tmp_path / "flash", "--ca", str(secured.authority)) as camera:
        camera.wait_for(link="up", stream="up")
        metric = re.compile(f'panal_camera_frames_total{{camera="{device["device_id"]}"}} [1-9]')
        url = f"{secured.panal.url}/metrics"
        until(lambda: metric.search(requests.get(url, verify=secured.authority, timeout=60).text))


def test_a_camera_that_pins_another_authority_shows_the_server_nothing(secured: Secured, tmp_path: Path) -> None:
    [device] = secured.panal.mint("camera-1")
    other = authority(tmp_path / "other") / "ca.pem"
    with VirtualCamera(secured.panal, device, tmp_path / "flash", "--ca", str(other)) as camera:
        camera.wait_for_log("stream: ")
        camera.wait_for_log("certificate")
        assert {"stream": "up"} not in camera.said
        assert f'panal_camera_frames_total{{camera="{device["device_id"]}"}}' not in metrics(secured)


def metrics(secured: Secured) -> str:
    return requests.get(f"{secured.panal.url}/metrics", verify=secured.authority, timeout=60).text


@pytest.mark.parametrize("port", ["http", "stream", "mqtt"])
def test_every_port_shows_the_certificate_and_takes_no_plain_text(secured: Secured, port: str) -> None:
    number = secured.panal.ports[port]
    context = ssl.create_default_context(cafile=str(secured.authority))
    plain = socket.create_connection(("127.0.0.1", number), PATIENCE_S)
    with plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        assert tls.version() in ("TLSv1.2", "TLSv1.3")
    with socket.create_connection(("127.0.0.1", number), PATIENCE_S) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: panal\r\n\r\n")
        assert b"200" not in plain.recv(64)
