"""Runs the program: `python -m getatext_gateway`."""

from getatext_gateway import main

if __name__ == "__main__":
    main()
