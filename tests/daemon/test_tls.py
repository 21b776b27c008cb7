"""The daemon talks to nobody whose certificate is wrong, and shows why; TLS 1.2 is the least."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)
HERE = x509.IPAddress(ip_address("127.0.0.1"))


class Issuer:
    """An authority that can make wrong certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        whole = _builder(self._name, self._name, self._key.public_key(), (-1, 2)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file = folder / "ca.pem"
        made = whole.sign(self._key, hashes.SHA256())
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, days: tuple[int, int] = (-1, 2), host: x509.GeneralName = HERE
    ) -> tuple[Path, Path]:
        """A certificate that holds between two days from now, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(name), self._name, key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName([host]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        files[1].write_bytes(key.private_bytes(*form, serialization.NoEncryption()))
        return files


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(time.time_ns() // 1_000_000_000, UTC)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now + days[0] * DAY,
        not_valid_after=now + days[1] * DAY,
    )


@pytest.fixture
def ours(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "ours", "the plant's authority")


def configured(port: int, ours: Issuer, client: tuple[Path, Path]) -> str:
    files = f"ca_file: {ours.file}, cert_file: {client[0]}, key_file: {client[1]}"
    local = f"{{host: 127.0.0.1, port: {port}}}"
    return pump(port, (local, f"{local[:-1]}, tls: {{{files}}}}}"))


def secure(shown: tuple[Path, Path], trusted: Issuer, *more: str) -> tuple[str, ...]:
    """Lines of a broker that shows this, and wants a certificate of this authority."""
    files = (f"cafile {trusted.file}", f"certfile {shown[0]}", f"keyfile {shown[1]}")
    return (*files, "require_certificate true", *more)


def problem(daemon: Daemon) -> str:
    """What the daemon says is wrong with its broker; waits for it."""
    wait_until(lambda: daemon.logged("gateway_changed"), "a problem is shown")
    said = daemon.logged("gateway_changed")[0]["problems"]
    assert daemon.logged("broker_connected") == []
    return " ".join(said)


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_the_right_certificates_are_let_in(
    tmp_path: Path, make_broker: Callable[..., Mosquitto], ours: Issuer, version: str
) -> None:
    lines = secure(ours.issue("broker"), ours, f"tls_version {version}")
    text = configured(make_broker(*lines).start().port, ours, ours.issue("gateway"))
    with Daemon(tmp_path, text) as daemon:
        wait_until(lambda: daemon.logged("broker_connected"), "it is connected")


@pytest.mark.parametrize("wrong", ["expired", "not yet valid", "another host", "another authority"])
def test_a_broker_that_shows_the_wrong_certificate_is_refused(
    tmp_path: Path, make_broker: Callable[..., Mosquitto], ours: Issuer, wrong: str
) -> None:
    shown = {
        "expired": lambda: ours.issue("broker", (-3, -1)),
        "not yet valid": lambda: ours.issue("broker", (1, 3)),
        "another host": lambda: ours.issue("broker", host=x509.DNSName("other.example")),
        "another authority": lambda: Issuer(tmp_path / "other", "somebody").issue("broker"),
    }[wrong]()
    port = make_broker(*secure(shown, ours)).start().port
    with Daemon(tmp_path, configured(port, ours, ours.issue("gateway"))) as daemon:
        assert "certificate verify failed" in problem(daemon)


@pytest.mark.parametrize("wrong", ["expired", "another authority"])
def test_a_broker_does_not_let_the_wrong_client_certificate_in(
    tmp_path: Path, make_broker: Callable[..., Mosquitto], ours: Issuer, wrong: str
) -> None:
    other = Issuer(tmp_path / "other", "somebody")
    client = ours.issue("gateway", (-3, -1)) if wrong == "expired" else other.issue("gateway")
    port = make_broker(*secure(ours.issue("broker"), ours)).start().port
    with Daemon(tmp_path, configured(port, ours, client)) as daemon:
        assert "broker local" in problem(daemon)


@contextmanager
def old_server(shown: tuple[Path, Path]) -> Iterator[int]:
    """Something that speaks nothing newer than TLS 1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(*shown)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                one, _ = listener.accept()
                with suppress(OSError), one:
                    context.wrap_socket(one, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.*deprecated:DeprecationWarning")
def test_a_broker_that_speaks_no_tls_1_2_is_refused(tmp_path: Path, ours: Issuer) -> None:
    with old_server(ours.issue("broker")) as port:
        text = configured(port, ours, ours.issue("gateway"))
        with Daemon(tmp_path, text) as daemon:
            assert "protocol" in problem(daemon).lower()


def test_there_is_no_switch_that_turns_the_checks_off() -> None:
    words = ("CERT_NONE", "check_hostname = False", "tls_insecure_set", "insecure")
    files = (ROOT / "gateway").rglob("*.py")
    found = [(file.name, word) for file in files for word in words if word in file.read_text()]
    assert found == []
