"""Files of all kinds: sound, video, tables, atomic writing, progress of long work."""
