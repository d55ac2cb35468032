"""What can be wrong with a live journal, each with its own exception. The sentence says what, where and the remedy."""


class JournalFailed(Exception):  # noqa: N818 - it is the journal that failed
    """A write has failed, and nobody knows whether the batch is on the disk.

    Its commands may be in the journal after a restart, so they are answered with "unknown", never refused.
    The journal takes nothing more until it is opened again.
    """


class JournalFull(JournalFailed):
    """The disk has no room. The batch is not in the journal, and everything before it is.

    The reserve beside the database has been given back: there is room for one `Journal.farewell`.
    """


class JournalInUse(Exception):  # noqa: N818 - it is the journal that is in use
    """Another process writes to this journal, or has taken it over."""


class JournalUnusable(ValueError):  # noqa: N818 - it is the journal that is unusable
    """Not a journal, or none that this version or this machine can write to."""


class LiveJournalDamaged(ValueError):  # noqa: N818 - it is the journal that is damaged
    """What was written and synced is not there, or not as it was written.

    `sequence` is the first record that cannot be trusted; all before it are whole. `offset` is where the damage
    was found in the file `path`, in bytes, if that can be told.
    """

    def __init__(
        self, name: str, sequence: int, fault: str, *, path: str = "", offset: int | None = None
    ) -> None:
        place = f"record {sequence}" + (f", byte {offset} of {path}" if offset is not None else "")
        super().__init__(f"{name}, {place}: {fault}. Restore the whole journal from a copy, or {_SAVE}")
        self.sequence = sequence
        self.path = path
        self.offset = offset


_SAVE = "save what is whole with `ringfence journal copy --whole`"
