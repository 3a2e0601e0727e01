//! Reports in Perfetto's own format: packets of tracks and their events, as protobuf messages.

mod annotations;
mod arrow_ends;
mod fields;
mod interned;
mod numbers;
mod packets;
mod proto;
mod slices;
mod trace;
