"""Our other I/O: MQTT, the worker's parent side, systemd, logs."""
