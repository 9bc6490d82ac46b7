"""Rewrites the made files of the kits, or exits with 1 where one of them is out of date."""

import sys
from pathlib import Path

from scripts.kits import bruno, postman, power_platform

ROOT = Path(__file__).resolve().parents[2]
KITS = {"postman": postman.files, "bruno": bruno.files, "power-platform": power_platform.files}


def made() -> dict[Path, str]:
    """The text of each made file."""
    return {
        ROOT / "integrations" / kit / path: text
        for kit, files in KITS.items()
        for path, text in files().items()
    }


def stale() -> list[str]:
    """The files that differ from what is made, that lack, or that nothing makes any more."""
    wanted = made()
    differ = {
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    requests = set((ROOT / "integrations" / "bruno").rglob("*.bru"))
    return sorted(str(path.relative_to(ROOT)) for path in differ | (requests - wanted.keys()))


def main() -> None:
    """Write, or check."""
    if "--write" in sys.argv[1:]:
        for path in (ROOT / "integrations" / "bruno").rglob("*.bru"):
            path.unlink()
        for path, text in made().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    elif out_of_date := stale():
        sys.exit(f"Out of date: {', '.join(out_of_date)}. Run `make surfaces`.")


if __name__ == "__main__":
    main()
