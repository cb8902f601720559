"""Where do tests find recorded markets?"""

import os
from pathlib import Path

import pytest


def data_folder() -> Path:
    """Return the folder of recorded market data; skip where there is none."""
    folder = Path(os.environ.get("TRIMTAB_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no recorded market data in {folder}; name a folder with TRIMTAB_TEST_DATA")
    return folder
