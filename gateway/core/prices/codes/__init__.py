"""The tables of service codes, a module for each dialect. Imports nothing."""
