"""Pure: one file per bridge: topics, decode, roster, encode, confirm."""
