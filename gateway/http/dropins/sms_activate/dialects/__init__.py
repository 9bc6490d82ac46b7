"""What the sites of this protocol say in different words.

One module for each site but the first, whose words are those of `tokens`. May import the values of
the core, and `tokens`.
"""
