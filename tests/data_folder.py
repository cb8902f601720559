"""Where do tests find recorded markets?"""

import os
from pathlib import Path

import pytest


def data_folder() -> Path:
    """Return the folder of recorded market data; skip where there is none."""
    folder = Path(os.environ.get("TEST_MARKET_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no recorded market data in {folder}; name a folder with TEST_MARKET_DATA")
    return folder
