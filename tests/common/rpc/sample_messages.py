"""Messages with every kind of field that the mapping carries, the models that correspond, and some that it refuses."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from libs.common.domain.entity import UpdateMask, Value
from tests.common.proto_source import compile_proto

messages = compile_proto(
    "mapping/v1/messages.proto",
    """
    syntax = "proto3";
    package mapping.v1;
    import "google/protobuf/field_mask.proto";
    import "google/protobuf/timestamp.proto";
    import "google/type/date.proto";

    message Plain { int32 count = 1; string text = 2; bool flag = 3; double area = 4; bytes body = 5; Kind kind = 6; }
    enum Kind { KIND_UNSPECIFIED = 0; KIND_LARGE_HALL = 1; KIND_ROOM = 2; }

    message Optional {
      optional int32 count = 1;
      optional string text = 2;
      optional bool flag = 3;
      optional double area = 4;
      optional Kind kind = 5;
      optional bytes body = 6;
    }
    message Choice { oneof choice { string code = 1; int32 number = 2; Seat seat = 3; } }
    message Seat { int32 row = 1; string place = 2; }
    message Maps {
      map<string, int32> counts = 1;
      map<int32, string> texts = 2;
      map<string, Kind> kinds = 3;
      map<string, Seat> seats = 4;
      map<string, google.type.Date> days = 5;
    }
    message Nested { Seat seat = 1; repeated Seat seats = 2; repeated string texts = 3; repeated Kind kinds = 4; }
    message Tree { string name = 1; repeated Tree branches = 2; }
    message Times {
      google.protobuf.Timestamp time = 1;
      google.type.Date day = 2;
      google.protobuf.FieldMask update_mask = 3;
      repeated google.type.Date days = 4;
    }
    message SeatPage { repeated Seat seats = 1; string next_page_token = 2; }
    message SeatList { repeated Seat seats = 1; }
    """,
)
refused = compile_proto(
    "mapping/v1/refused.proto",
    """
    syntax = "proto3";
    package mapping.v1;
    import "google/protobuf/any.proto";
    import "google/protobuf/struct.proto";

    message HasStruct { google.protobuf.Struct extra = 1; }
    message HasValues { repeated google.protobuf.Value extra = 1; }
    message HasAny { string name = 1; google.protobuf.Any extra = 2; }
    message HasAnyInMap { map<string, google.protobuf.Any> extra = 1; }
    message HasItDeep { repeated Holder holders = 1; }
    message Holder { HasStruct inner = 1; HasItDeep outer = 2; }
    """,
)
grouped = compile_proto(
    "mapping/v1/grouped.proto",
    """
    syntax = "proto2";
    package mapping.v1;
    message HasGroup { optional group Seat2 = 1 { optional int32 row = 1; } }
    """,
)


class Kind(StrEnum):
    LARGE_HALL = "LARGE_HALL"
    ROOM = "ROOM"


class Plain(Value):
    count: int = 7
    text: str = "default"
    flag: bool = True
    area: Decimal = Decimal(7)
    body: bytes = b"default"
    kind: Kind | None = None


class Optional(Value):
    count: int | None = None
    text: str | None = None
    flag: bool | None = None
    area: Decimal | None = None
    kind: Kind | None = None
    body: bytes | None = None


class Seat(Value):
    row: int = 0
    place: str = ""


class Choice(Value):
    code: str | None = None
    number: int | None = None
    seat: Seat | None = None


class Maps(Value):
    counts: dict[str, int] = Field(default_factory=dict)
    texts: dict[int, str] = Field(default_factory=dict)
    kinds: dict[str, Kind] = Field(default_factory=dict)
    seats: dict[str, Seat] = Field(default_factory=dict)
    days: dict[str, date] = Field(default_factory=dict)


class Nested(Value):
    seat: Seat | None = None
    seats: tuple[Seat, ...] = ()
    texts: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()


class Tree(Value):
    name: str = ""
    branches: tuple["Tree", ...] = ()


class Times(Value):
    time: datetime | None = None
    day: date | None = None
    update_mask: UpdateMask | None = None
    days: tuple[date, ...] = ()
