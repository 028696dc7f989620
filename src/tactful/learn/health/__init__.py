"""Is a log what it claims to be? One test a module, each with its false-alarm rate."""
