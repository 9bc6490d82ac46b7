"""The one door: whatever the face, a call is validated, authorised and run here.

The top of the core: may import every other folder of it.
"""
