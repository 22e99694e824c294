"""The private note of a consultation, which only its mentor reads. It is a document of its own."""

from typing import Annotated, ClassVar

from libs.common.domain.entity import Change, Entity, Value
from libs.common.domain.names import Etag, resource_name
from libs.common.domain.text import Paragraphs
from services.mentors.domain.consultation import Consultation

NoteName = Annotated[str, resource_name("consultations/{consultation}/note")]


class GetConsultationNote(Value):
    """Read the note of a consultation."""

    name: NoteName


class UpdateConsultationNote(Value):
    """Replace the note of a consultation. An empty text clears it."""

    name: NoteName
    text: Paragraphs = ""
    etag: Etag = ""


class ConsultationNote(Entity):
    """What a mentor notes about a consultation. Every consultation has one; it is empty until it is written."""

    scoped_by: ClassVar[tuple[str, ...]] = ("mentor",)

    mentor: str
    text: str = ""


def consultation_of(note: str) -> str:
    """Return the name of the consultation to which a note belongs."""
    return note.removesuffix("/note")


def note_of(consultation: Consultation) -> ConsultationNote:
    """Return the note of a consultation before anything is written."""
    return ConsultationNote(name=f"{consultation.name}/note", mentor=consultation.mentor)


def update(
    consultation: Consultation, note: ConsultationNote | None, *, command: UpdateConsultationNote
) -> Change[ConsultationNote]:
    """Replace the text of a note."""
    known = note or note_of(consultation)
    known.ensure_etag(command.etag)
    written = known.with_(text=command.text)
    return Change(written, saves=(written,))
