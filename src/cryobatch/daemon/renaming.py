"""Renaming: a recording that somebody has called otherwise stays the image that it is."""

from dataclasses import replace
from pathlib import PurePosixPath

from cryobatch.daemon.examiner import Examined
from cryobatch.importing.identity import identify
from cryobatch.importing.watching.waiting import Waiting
from cryobatch.project import Project
from cryobatch.project.relocation import rename
from cryobatch.project.watching import WatchedFolder
from cryobatch.store import watching as store
from cryobatch.store.watching import FileRow, FileState


def follow_rename(
    project: Project, watched: WatchedFolder, waiting: Waiting, item: Examined
) -> FileRow | None:
    """Give an image its recording's new name, where a file is one that was taken under another.

    Two recordings with equal bytes are two: only a file with the same inode, size and time, whose
    old name is there no more, was renamed. Its first and last bytes are compared besides.

    Args:
        project: Has the image.
        watched: The folder.
        waiting: Knows how the files looked that were taken.
        item: A file that was not taken under its present name.

    Returns:
        What is noted of it now, None where it is another recording.
    """
    old = waiting.find_renamed(item.path, item.look)
    if old is None:
        return None
    with project.database.reading() as r:
        row = store.find_files(r, watched.id, [old]).get(old)
    if row is None or row.state is not FileState.IMPORTED or row.image_id is None:
        return None
    path = item.recording.path
    if identify(path, name=PurePosixPath(old).name) != row.source_id:
        return None
    rename(project.images, row.image_id, path, item.recording.source_id)
    now = replace(row, path=item.path, look=item.look, source_id=item.recording.source_id)
    with project.database.transaction() as t:
        store.forget_file(t, watched.id, old)
        store.put_files(t, watched.id, [now])
    waiting.forget(old)
    return now
