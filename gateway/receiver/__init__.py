"""The cloud side of sync: takes batches by HTTP and MQTT, stores each row once, says how far it is.

A process of its own, ``edge-gateway receiver``; docs/receiver.md says what it promises. The room is
threads but for ``http``, whose handlers are starlette's and so ``async``: they read a body, and
hand it to a thread.
"""
