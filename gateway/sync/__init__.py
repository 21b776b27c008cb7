"""Sync: the process that takes what happened here to the clouds, beside the daemon.

It reads the gateway's database, which it never writes, and keeps its own notes in a ledger. One
thread per lane of each sink; none of them waits for another, and the daemon waits for none.
"""
