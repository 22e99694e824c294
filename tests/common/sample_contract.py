"""The contract of the sample domain: facts of halls and fairs, and a service with unary and streaming methods."""

from tests.common.proto_source import compile_proto

halls = compile_proto(
    "hatchery/halls/v1/hall.proto",
    """
    syntax = "proto3";
    package hatchery.halls.v1;
    import "hatchery/common/v1/access.proto";

    service HallService {
      rpc OpenHall(OpenHallRequest) returns (Hall) { option (hatchery.common.v1.permission) = "halls.open"; }
      rpc ReadHall(ReadHallRequest) returns (Hall) { option (hatchery.common.v1.permission) = "halls.read"; }
      rpc FindHall(ReadHallRequest) returns (Hall) { option (hatchery.common.v1.permission) = "halls.find"; }
      rpc WatchHall(ReadHallRequest) returns (stream Hall) { option (hatchery.common.v1.permission) = "halls.watch"; }
    }
    message Hall { string name = 1; string display_name = 2; int32 desks = 3; }
    message OpenHallRequest { string request_id = 1; string display_name = 2; }
    message ReadHallRequest { string name = 1; }

    message HallOpened { string name = 1; string display_name = 2; int32 desks = 3; }
    message HallChanged { string name = 1; string display_name = 2; int32 desks = 3; }
    message HallClosed { string name = 1; }
    """,
)
fairs = compile_proto(
    "hatchery/fairs/v1/fair.proto",
    """
    syntax = "proto3";
    package hatchery.fairs.v1;
    import "hatchery/common/v1/access.proto";

    service FairService {
      rpc ReadFair(Fair) returns (Fair) { option (hatchery.common.v1.permission) = "halls.read"; }
      rpc WatchFair(Fair) returns (stream Fair) { option (hatchery.common.v1.permission) = "halls.read"; }
    }
    message Fair { string name = 1; }
    message FairAnnounced { string name = 1; }
    """,
)
HALL_SERVICE = halls.DESCRIPTOR.services_by_name["HallService"]
FAIR_SERVICE = fairs.DESCRIPTOR.services_by_name["FairService"]
