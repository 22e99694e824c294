"""How entities become documents and documents entities."""

from datetime import UTC, datetime

from libs.common.store.schema import EntitySchema, Index, from_document
from tests.common.sample_domain import CONTACTS, HALLS, Contact, Hall


def test_a_document_is_the_entity() -> None:
    """A document holds every field, the name as its `_id`, and reads back as the same entity."""
    hall = Hall(name="halls/1", display_name="A", desks=3, due_time=datetime(2026, 3, 1, tzinfo=UTC), version=2)
    document = HALLS.to_document(hall)
    assert (document["_id"], document["desks"], document["version"]) == ("halls/1", 3, 2)
    assert "name" not in document
    assert from_document(Hall, document) == hall


def test_names_get_sort_keys() -> None:
    """A document holds a sort key for each text that its schema sorts by, and none where there is none."""
    keys = [HALLS.to_document(Hall(name="halls/1", display_name=title))["sort_keys"] for title in ("长春", "沈阳")]
    assert keys[0]["display_name"] < keys[1]["display_name"]
    assert "sort_keys" not in CONTACTS.to_document(Contact(name="contacts/1"))


def test_fields_of_newer_versions_are_ignored() -> None:
    """A document that a newer version wrote is read without the fields that this one does not know."""
    document = {**HALLS.to_document(Hall(name="halls/1", desks=3)), "floor": 7}
    assert from_document(Hall, document) == Hall(name="halls/1", desks=3)


def test_fields_of_older_versions_have_defaults() -> None:
    """A document that an older version wrote is read with the defaults of the fields that it lacks."""
    assert from_document(Hall, {"_id": "halls/1"}) == Hall(name="halls/1")


def test_a_unique_index_is_found_by_its_fields() -> None:
    """The index that a write broke is found by exactly its fields; only unique ones count."""
    pair = Index(("hall", "phone"), unique_reason="PHONE_TAKEN")
    plain = Index(("phone",))
    schema = EntitySchema(Contact, "contacts", missing="CONTACT_NOT_FOUND", indexes=(pair, plain))
    assert schema.unique_index(("hall", "phone")) is pair
    assert schema.unique_index(("phone",)) is None
    assert schema.single_field_uniques == ()
    assert [index.keys for index in HALLS.single_field_uniques] == [("code",)]
    assert pair.clash().reason == "PHONE_TAKEN"
