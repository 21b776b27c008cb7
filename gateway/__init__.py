"""edge-gateway, in one sentence.

message -> decode -> reading -> store -> window -> model -> verdict -> policy -> command -> confirm
-> audit -> sync.

The map, from the top down; imports run downward only (``setup.cfg`` holds the contract):

=============  ==================================================================================
``cli``        the commands; prints; exit codes
``daemon``     the only async room: wires everything, in the order of the sentence above
``updates``    visits to a signed repository of models and configurations, and the author's side
``config``     the YAML file: read with positions, checked, frozen
``registry``   (room, kind) -> class: a built-in module by name, else an entry point
``demo``       a simulated plant and an embedded broker
``bridges``    pure: one file per bridge that brings a radio network to MQTT
``models``     model packages and the worker process that runs them
``sinks``      one file per cloud
``store``      the SQLite database
``adapters``   our other I/O: MQTT, the worker's parent side, systemd, logs
``core``       pure: the nouns and the rules between them; time is an argument
``errors``     the error tree
=============  ==================================================================================
"""

from typing import Final

__version__: Final = "0.1.0"
