"""The page: a process that shows the gateway in a browser, fed by the daemon."""
