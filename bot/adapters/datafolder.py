"""Who owns the data folder? One process at a time, by a lock that the kernel drops when the process ends.

The folder holds the journal, the token and the embedded exchange, and is nobody else's to read. A process id in
a file would lie
after a crash; a lock on a network file system may not hold at all, so those are refused.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.domain.errors import ConfigError, DataFolderInUse

LOCK_FILE = "lock"
_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "fuse.sshfs",
    "fuse.s3fs",
    "fuse.rclone",
    "davfs",
)
_MOUNTS = Path("/proc/self/mounts")


def prepare_folder(folder: Path) -> None:
    """Make the folder, for its owner alone, and check that it can be used.

    Raises:
        ConfigError: it cannot be made or written, or lies on a network file system.
    """
    os.umask(0o077)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise ConfigError(
            f"TRIMTAB_DATA_DIR={folder} cannot be made ({err.strerror}): name a folder that this user may write"
        ) from err
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"TRIMTAB_DATA_DIR={folder} cannot be written: give it to user {os.getuid()}"
            f" (chown -R {os.getuid()} {folder}) or name another folder"
        )
    kind = file_system_of(folder, _MOUNTS)
    if kind is not None and kind.startswith(_NETWORK):
        raise ConfigError(
            f"TRIMTAB_DATA_DIR={folder} lies on a network file system ({kind}), where locks and the journal are not"
            " safe: name a folder on a local disk or a block volume"
        )


def file_system_of(folder: Path, mounts: Path) -> str | None:
    """Return the type of the file system that holds a folder; None where that cannot be known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    here = folder.resolve()
    best: tuple[int, str] | None = None
    for line in lines:
        _, point, kind, *_ = line.split()
        where = Path(point.replace("\\040", " "))
        if (here == where or where in here.parents) and (best is None or len(where.parts) >= best[0]):
            best = (len(where.parts), kind)
    return None if best is None else best[1]


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Own the folder for as long as the block runs.

    Raises:
        ConfigError: the folder cannot be used.
        DataFolderInUse: another process owns it.
    """
    prepare_folder(folder)
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise DataFolderInUse(
                f"another Trimtab runs on the data folder {folder}: stop it, or set TRIMTAB_DATA_DIR to another folder"
            ) from err
        yield
    finally:
        os.close(descriptor)
