"""`tap-gong`: a Singer tap for Gong, every read operation of its API as a stream."""
