"""Receptions: one LoRaWAN uplink is heard by several gateways, and counts once."""

from gateway.core.messages import Tree


def best(entries: Tree) -> dict[str, float]:
    """Give rssi [dBm] and snr [dB] of the strongest; empty when no entry has an rssi.

    Servers leave zeros out: a missing snr is 0, while an rssi of 0 does not occur.
    """
    strongest: dict[str, float] = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        rssi, snr = entry.get("rssi"), entry.get("snr", 0)
        if type(rssi) is not int and type(rssi) is not float:
            continue
        if "rssi" not in strongest or rssi > strongest["rssi"]:
            strongest = {"rssi": rssi}
            if type(snr) is int or type(snr) is float:
                strongest["snr"] = snr
    return strongest
