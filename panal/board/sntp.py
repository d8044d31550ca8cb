"""Asking a time server, RFC 4330. Needed once an hour, so the board forgets this module in between."""

import asyncio

SNTP_EPOCH_S = 2208988800  # 1900 to 1970
POLL_S = 0.02
ANSWER_S = 2


def request():
    """An SNTP question: version 4, mode client (RFC 4330 section 4)."""
    return b"\x23" + bytes(47)


def parse_answer(data, asked_ms, heard_ms):
    """Unix milliseconds at `heard_ms` from a server's answer, or None for an answer that is none."""
    if len(data) < 48 or data[0] & 7 != 4 or not 1 <= data[1] <= 15:  # mode server; stratum 0 is a kiss-o'-death
        return None
    seconds = int.from_bytes(data[40:44], "big")
    if not seconds:
        return None
    if seconds < 0x80000000:  # era 1 begins in 2036, RFC 4330 section 3
        seconds += 1 << 32
    fraction_ms = int.from_bytes(data[44:48], "big") * 1000 >> 32
    return (seconds - SNTP_EPOCH_S) * 1000 + fraction_ms + (heard_ms - asked_ms) // 2


async def ask(clock, open_udp, host, port=123):
    """Set the clock by an SNTP server; False when it does not answer. `open_udp(host, port)`: send, receive, close."""
    try:
        udp = open_udp(host, port)
    except OSError:
        return False
    try:
        return await _ask(clock, udp)
    except OSError:
        return False
    finally:
        udp.close()


async def _ask(clock, udp):
    asked_ms = clock.monotonic_ms()
    udp.send(request())
    while clock.monotonic_ms() - asked_ms < ANSWER_S * 1000:
        data = udp.receive(48)
        if data:
            now = parse_answer(data, asked_ms, clock.monotonic_ms())
            if now is not None:
                clock.set_ms(now)
            return now is not None
        await asyncio.sleep(POLL_S)
    return False
