"""The program as it is installed: the one name that the wheel puts into site-packages.

The wheel holds the folders gateway, mcp_server and adapters inside this package; in the
repository, and so in an editable install, they stand beside it. May import gateway.__main__.
"""

import os.path  # not pathlib: --help must be quick
import sys


def main() -> None:
    """Run the command that the arguments name.

    The program's own packages are found before any others of the same names: site-packages may
    hold another project's `adapters`.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    home = here if os.path.isdir(os.path.join(here, "gateway")) else os.path.dirname(here)
    sys.path.insert(0, home)

    from gateway.__main__ import main as run

    run()
