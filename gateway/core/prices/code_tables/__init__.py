"""The tables of service codes, a module for each dialect, and their reader."""
