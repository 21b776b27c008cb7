"""Paths into a document: ``key``, ``"odd.key"``, ``[3]``, ``[*]`` or ``*``, ``[flag=DI1]``.

Four steps only. ``ENERGY.Power[1]``, ``ZbReceived.*.Temperature``, ``sensorDatas[flag=AI1].value``,
``"switch:0".apower``. A fan-out step may match many; what it matched is the path's captures.
"""
