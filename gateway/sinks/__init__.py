"""Sinks: one file per cloud, all of one shape.

``Settings`` is a frozen, slotted dataclass whose fields the user writes under
``cloud.sync.<name>``, each with its docstring; its ``__post_init__`` raises ValueError where fields
do not fit together. Fields named ``*_file`` and ``*_folder`` are paths: they come here absolute.
``NEEDS`` names what has to be installed, module by extra (``{"psycopg": "postgres"}``); it is
imported by ``cursor``, never by the file itself, so that a file can be checked without it.
``Sink(settings, stream)`` is a ``gateway.core.sink_ports.Sink``.
"""
