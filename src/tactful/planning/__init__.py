"""How much data, and at what price?"""
