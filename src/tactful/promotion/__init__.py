"""May a policy be shipped, and may it go on?"""
