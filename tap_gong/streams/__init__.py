"""Every stream of the tap, in the order of the API's table of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_gong.streams.calls import Calls, Transcripts
from tap_gong.streams.library import LibraryFolderCalls, LibraryFolders
from tap_gong.streams.settings import Scorecards, Trackers
from tap_gong.streams.stats import AnsweredScorecards
from tap_gong.streams.users import Users
from tap_gong.streams.workspaces import Workspaces

if TYPE_CHECKING:
    from tap_gong.stream import GongStream

STREAMS: tuple[type[GongStream], ...] = (
    Calls,
    Transcripts,
    Users,
    Workspaces,
    LibraryFolders,
    LibraryFolderCalls,
    Scorecards,
    Trackers,
    AnsweredScorecards,
)
