"""Pure: the nouns and the rules between them. Time is an argument; nothing is opened or logged."""
