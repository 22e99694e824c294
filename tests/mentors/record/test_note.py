"""Private notes: a document of their own, within the mentor's scope alone."""

import pytest

from libs.common.domain.errors import Stale
from libs.common.rpc.scope import Scope
from services.mentors.domain.note import UpdateConsultationNote, consultation_of, note_of, update
from tests.mentors.booking.samples import MENTOR, SPACE, STARTUP
from tests.mentors.record.samples import Office, session
from tests.mentors.samples import LONGTAN

CONSULTATION = session(Office())
NOTE = f"{CONSULTATION.name}/note"


def test_a_note_belongs_to_its_mentor_alone() -> None:
    """The mentor's scope covers the note; those of startup, space and district cover the consultation and not it."""
    note = note_of(CONSULTATION)
    assert (note.name, consultation_of(note.name)) == (NOTE, CONSULTATION.name)
    assert Scope(frozenset({MENTOR})).covers(note)
    for other in (STARTUP, SPACE, LONGTAN):
        assert Scope(frozenset({other})).covers(CONSULTATION)
        assert not Scope(frozenset({other})).covers(note)


def test_a_note_is_written_and_cleared() -> None:
    """The first text makes the note, a later one replaces it, an empty one clears it; nothing is published."""
    first = update(CONSULTATION, None, command=UpdateConsultationNote(name=NOTE, text="两位创始人不和\n再观察"))
    assert (first.reply.text, first.saves, first.facts) == ("两位创始人不和\n再观察", (first.reply,), ())
    written = first.reply.with_(version=1)
    cleared = update(CONSULTATION, written, command=UpdateConsultationNote(name=NOTE, etag="v1"))
    assert cleared.reply.text == ""
    with pytest.raises(Stale):
        update(CONSULTATION, written, command=UpdateConsultationNote(name=NOTE, text="别的", etag="v0"))
