"""Is a log what it claims to be?"""
