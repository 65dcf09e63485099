"""What a key is: token format, digest, record. No I/O, no policy."""
