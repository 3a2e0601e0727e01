"""A reader of Perfetto's own traces, by the official schema."""

from __future__ import annotations

from typing import Any, NamedTuple

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent


class Event(NamedTuple):
    """A slice, or an instant, which ends when it begins: times in nanoseconds, and its arguments, nested ones left out."""

    name: str
    category: str
    started: int
    ended: int
    args: dict[str, Any]


def check(data: bytes) -> tuple[list[Event], list[Event]]:
    """The slices and instants of a trace; an ``AssertionError`` says what is wrong with it."""
    trace = Trace.FromString(data)
    trace.DiscardUnknownFields()
    assert trace.ByteSize() == len(data), "something in it is not of the schema"
    interned = trace.packet[0].interned_data
    names = {entry.iid: entry.name for entry in interned.event_names}
    categories = {entry.iid: entry.name for entry in interned.event_categories}
    arguments = {entry.iid: entry.name for entry in interned.debug_annotation_names}
    tracks = {packet.track_descriptor.uuid for packet in trace.packet if packet.HasField("track_descriptor")}
    slices: list[Event] = []
    instants: list[Event] = []
    begun: dict[int, Event] = {}
    # Perfetto puts events in order by time, those of one time as they stand.
    events = [packet for packet in trace.packet if packet.HasField("track_event")]
    for packet in sorted(events, key=lambda each: each.timestamp):
        event, at = packet.track_event, packet.timestamp
        assert event.track_uuid in tracks, event
        if event.type == TrackEvent.TYPE_SLICE_END:
            slices.append(begun.pop(event.track_uuid)._replace(ended=at))
        elif event.type in (TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_INSTANT):
            args = {arguments[each.name_iid]: _value(each) for each in event.debug_annotations}
            name = names[event.name_iid] if event.HasField("name_iid") else event.name
            said = Event(name, categories[event.category_iids[0]], at, at, args)
            if event.type == TrackEvent.TYPE_INSTANT:
                instants.append(said)
            else:
                assert event.track_uuid not in begun, f"slices overlap at {event}"
                begun[event.track_uuid] = said
        else:
            assert event.type == TrackEvent.TYPE_COUNTER and event.counter_value >= 0, event
    assert not begun, f"slices without an end: {begun}"
    return slices, instants


def _value(annotation: Any) -> Any:
    value = annotation.WhichOneof("value")
    return getattr(annotation, value) if value else None
