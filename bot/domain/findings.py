"""What has a look at the setup found?"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that ``check`` looked at."""

    level: Literal["ok", "warn", "fail"]
    #: What was looked at, in a word or two.
    subject: str
    sentence: str
    #: What to do about it; empty when nothing need be done.
    mend: str = ""
    #: What ``check`` exits with when this is the first that fails.
    exit_code: int = 3
