"""A real mosquitto with the configuration that is shipped: only places and ports are filled in."""

import subprocess
from pathlib import Path

from gateway.adapters.mqtt import Tls
from tests.fakes.authority import Authority
from tests.fakes.mosquitto import PROGRAM, Mosquitto
from tests.fakes.mqtt_peer import Gateway
from tests.fakes.ports import free_port

CONFIG = Path(__file__).parents[2] / "config"
USERS = ("gateway", "zigbee2mqtt", "chirpstack", "anna", "homeassistant", "viewer", "plug-3")
DEBIAN = (
    "persistence true\npersistence_location {folder}/\nuser root\ninclude_dir {folder}/conf.d\n"
)
"""Debian's own mosquitto.conf, as far as it matters; root, since the tests may run as root."""


class Shipped(Mosquitto):
    """Both shipped files in conf.d, the shipped access list, users with passwords, certificates."""

    def __init__(self, folder: Path, gateway: str = "here") -> None:
        super().__init__(folder)
        self.tls_port = free_port()
        self.authority = Authority(folder / "certs", "the plant's authority")
        certificate, key = self.authority.issue("broker", "IP:127.0.0.1")
        places = {
            "listener 1883 ": f"listener {self.port} ",
            "listener 8883": f"listener {self.tls_port} 127.0.0.1",
            "/etc/mosquitto/certs/ca.pem": str(self.authority.certificate),
            "/etc/mosquitto/certs/broker.pem": str(certificate),
            "/etc/mosquitto/certs/broker.key": str(key),
            "/etc/mosquitto/": f"{folder}/",
        }
        (folder / "conf.d").mkdir()
        for name in ("mosquitto.conf", "mosquitto-tls.conf"):
            lines = (CONFIG / name).read_text().splitlines()
            text = "\n".join(line for line in lines if not line.startswith("#")) + "\n"
            for shipped, here in places.items():
                text = text.replace(shipped, here)
            (folder / "conf.d" / name).write_text(text)
        acl = (CONFIG / "mosquitto.acl").read_text().replace("plant-north", gateway)
        (folder / "edge-gateway.acl").write_text(acl)
        self._file.write_text(DEBIAN.format(folder=folder))
        for user in USERS:
            self._add(user)

    def _add(self, user: str) -> None:
        """A user with a password, as the shipped file says to make one."""
        secrets = self.folder / "edge-gateway.passwd"
        secrets.touch(mode=0o600)
        self.password_file(user).write_text(f"the word of {user}\n")
        words = ("-b", str(secrets), user, f"the word of {user}")
        subprocess.run(["mosquitto_passwd", *words], check=True, capture_output=True)

    def password_file(self, user: str) -> Path:
        """Where a client finds its password."""
        return self.folder / f"{user}.secret"

    def client(self, user: str, *filters: str, tls: bool = False, **more: str) -> Gateway:
        """A client that comes in as this user, by password or by certificate."""
        if tls:
            return Gateway(self.tls_port, *filters, tls=self.certificate(user), **more)
        secret = str(self.password_file(user))
        return Gateway(self.port, *filters, username=user, password_file=secret, **more)

    def certificate(self, user: str) -> Tls:
        """A certificate of this user."""
        certificate, key = self.authority.issue(user)
        return Tls(str(self.authority.certificate), str(certificate), str(key))


__all__ = ["PROGRAM", "Shipped"]
