"""The only async room: wires everything and keeps it going."""
