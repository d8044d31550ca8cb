"""Releases for tests, signed by a key that nobody else has; in both worlds, so signing is done by hand here."""

import binascii
import hashlib

from panal.cells.updates import messages

BOARD = "lights-4"
FIELDS = "version security_version board kind size sha256 files_size files_sha256 signature"
FILES = (("panal/a.mpy", b"alpha" * 200), ("panal/b/c.mpy", b"gamma" * 100))
UNSIGNED = "A" * 512
# A key made for these tests, in the form of RFC 8017 section 3.2 that signs fastest; its secrets are worth nothing.
P = int(
    "ee1ed5ac7b558a6347269b610cd2997672e74f9449c73b9c45bd807901fbecc27979ec7fe48769345029a3a25d9434f3"
    "b8bf661b97e8e3cb59eb3b65cf3dfcbad3282ef7ccb0ecaadf55cbba44578d9b2755e4656eb7c11cf1154b31231ea31f"
    "1a89b869f76365755d0c36e8b23020075488a748c7c322603976548d791de7f472b3aa5b7abe3b458e6f7f8bff3da931"
    "210d7503d5c16e59192fb0d76f297adf53f895af44c999e68630ee148757d92bc977257d8e46a4b5406256f079e718d1",
    16,
)
Q = int(
    "d6beda3988cb09fed16f6e46e8122cdbac222e26a5901ec5635a8c5bbf9f65f0410806a483439036534bb611bc83c2cf"
    "79d354040b6a3bb004da04d2f2cd4c2d71382d1069a96444902fabe390eff7d29c631e95eb55bb653a4b0d15b9d79148"
    "3a749728c6ab62f49a5873c4cd47573c51a07369a755915ceab9e084268091442f81b753dffe25ab8f84314f0ca55604"
    "959d2aa8e0e0c4e7080fcd4624fa04a6a3bd3d92863f981014efc11b15bce830f2ed5cc1285af682c8de31f0d38480ab",
    16,
)
DP = int(
    "4b6cdaf3ea913ae79d86fe1aacac1cce27315bc4b5e5f4dcd83e616e7311707a5d6e205a9671ca02370e2975e9bc6355"
    "7c04ac7c3b0f1af0b3c7ce25be927cf654a25ad6453119963a6dfbbd419e960d3a557ba6217ef51d8cc3d8f0749664c7"
    "1a69db4f3d7c6f8bd0706908264116341c33b90155bd5aab2e286c39efce6845c6fb600fdffe57d9fd7715e8ab6dc5a4"
    "f93a410178f8ef522ba72e95def13da975f8bcb92ac9cd04f72692935017a483b92a136704e51d910816de4107ec0ab1",
    16,
)
DQ = int(
    "41ba3a9adf869db193b2d282fb670cb9d3cec66767c75bd3b89c2f57a9a805106b2724b957bfe734e97bc3e75bd6cc5a"
    "aa84073411b65b3c7dcfa92853ce88616444f86e0c991f2a69235e2e11df90efb29417f97505518d23317378d1dfec04"
    "ba77930894fe421471e55ed1beaef6416d0e7a24bd65d04f2b3ce73e2b76b07fb936afc1094f0582a433a6cff623e8d7"
    "1060017d9d0eced593bf1a6a3cc91581579e85690294165bddbca05344ed03f86f723d3095c479ad00041a2f06de886f",
    16,
)
QINV = int(
    "be05f6e290cac29943f5302babc9a6b88cb8c07143357d14f3b30b60ad49b09fd4c798465c8f659bdb20271c495c9a15"
    "8ebe9a53ac68906b54b4963a5a275c01397c2cb9e4b3147885de90abe5f67ea89390adaba2322ab567760a8efbc8cdc6"
    "92f3e9fddb90d116a29a890df9f62bb62ec74b36f5d5c785b7f7ef9d3790777d9a95709409383546ba1188afb898e01d"
    "5f58f324016b56bcfbf9af796eb770418ca443dd32895950e64d94ae7b1f0acdc897574fe124bc5da460c64e40d3bbc5",
    16,
)
MODULUS = (P * Q).to_bytes(384, "big")


def sign(manifest):
    """The manifest with its signature, RFC 8017 section 8.2.1."""
    opened = int.from_bytes(messages.encoded(messages.canonical(manifest)), "big")
    by_p, by_q = pow(opened % P, DP, P), pow(opened % Q, DQ, Q)
    signed = by_q + Q * ((by_p - by_q) * QINV % P)
    return change(manifest, signature=binascii.b2a_base64(signed.to_bytes(384, "big")).decode().strip())


def hex_of(data):
    return binascii.hexlify(hashlib.sha256(data).digest()).decode()


def artifact_of(files):
    """(artifact, its table) of [(path, content)]."""
    table = messages.build_table([(path, len(content), hex_of(content)) for path, content in files])
    return table + b"".join([content for _, content in files]), table


def app(version="1.2.0", files=FILES, is_signed=True, **changes):
    """(Manifest, artifact)"""
    artifact, table = artifact_of(files)
    facts = (version, 1, BOARD, "app", len(artifact), hex_of(artifact), len(table), hex_of(table), UNSIGNED)
    manifest = change(messages.Manifest(*facts), **changes)
    return sign(manifest) if is_signed else manifest, artifact


def image(version="2.0.0", content=b"image" * 3000, is_signed=True):
    """(Manifest, artifact)"""
    manifest = messages.Manifest(version, 1, BOARD, "image", len(content), hex_of(content), 0, "", UNSIGNED)
    return sign(manifest) if is_signed else manifest, content


def change(manifest, **changes):
    """MicroPython's namedtuple has no `_replace`."""
    fields = zip(FIELDS.split(), manifest)  # noqa: B905
    return messages.Manifest(*[changes.get(name, value) for name, value in fields])
