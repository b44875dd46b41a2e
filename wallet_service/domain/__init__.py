"""Pure nouns and rules of loyalty cards: no clock, no file, no socket."""
