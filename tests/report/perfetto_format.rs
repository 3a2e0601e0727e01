//! A checker of Perfetto's own traces, which reads them as Perfetto does: strictly by its schema, events by time, slices of
//! a track on a stack, and each end of a flow bound to the event that names it.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use serde_json::{Map, Value};

use crate::perfetto_schema::{DebugAnnotation, Interned, Packet, Trace, TrackDescriptor, TrackEvent, Type};

/// An event of a track: a slice, or an instant, which ends when it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub track: String,
    pub name: String,
    pub category: String,
    pub started: u64,
    pub ended: u64,
    pub args: Value,
}

/// What a sound trace has.
#[derive(Debug, Default)]
pub struct Checked {
    pub slices: Vec<Event>,
    pub instants: Vec<Event>,
    /// For each arrow, by number: the arguments of the slices that it leads from and to.
    pub arrows: BTreeMap<u64, (Value, Value)>,
    /// What each counter said, by its name: times and numbers.
    pub counts: BTreeMap<String, Vec<(u64, i64)>>,
}

/// The texts of one kind, by number.
type Texts = BTreeMap<u64, String>;

#[derive(Default)]
struct Reader {
    categories: Texts,
    names: Texts,
    annotations: Texts,
    tracks: BTreeMap<u64, TrackDescriptor>,
    /// Slices that have not ended, by track.
    open: BTreeMap<u64, Vec<Event>>,
    /// Arrows that have not arrived: when they left, and the arguments of the slice.
    leaving: BTreeMap<u64, (u64, Value)>,
    checked: Checked,
}

/// Checks a trace, or says what is wrong with it.
pub fn check(bytes: &[u8]) -> Result<Checked, String> {
    let trace = Trace::decode(bytes).map_err(|error| error.to_string())?;
    if trace.encoded_len() != bytes.len() {
        return Err("something in it is not of the schema".to_owned());
    }
    let mut reader = Reader::default();
    for (at, packet) in trace.packet.iter().enumerate() {
        // The first packet clears the state of the only sequence, and begins another one.
        if packet.trusted_packet_sequence_id != Some(1) || (packet.sequence_flags == Some(1)) != (at == 0) {
            return Err(format!("not of the sequence: {packet:?}"));
        }
        reader.described(packet)?;
    }
    let mut events: Vec<(u64, &Packet, &TrackEvent)> = Vec::new();
    for packet in &trace.packet {
        match (&packet.track_event, packet.timestamp) {
            (Some(event), Some(at)) if i64::try_from(at).is_ok() => events.push((at, packet, event)),
            (None, None) => {}
            _ => return Err(format!("an event without a time, or a time without an event: {packet:?}")),
        }
    }
    events.sort_by_key(|(at, ..)| *at);
    for (at, packet, event) in events {
        reader.event(at, packet, event).map_err(|fault| format!("{fault}: {event:?}"))?;
    }
    match (reader.open.values().flatten().next(), reader.leaving.is_empty()) {
        (None, true) => Ok(reader.checked),
        (Some(slice), _) => Err(format!("a slice without an end: {slice:?}")),
        (_, false) => Err(format!("arrows to nowhere: {:?}", reader.leaving.keys())),
    }
}

impl Reader {
    /// Takes in what is interned and described.
    fn described(&mut self, packet: &Packet) -> Result<(), String> {
        if let Some(data) = &packet.interned_data {
            self.categories = texts(&data.event_categories)?;
            self.names = texts(&data.event_names)?;
            self.annotations = texts(&data.debug_annotation_names)?;
        }
        if let Some(track) = &packet.track_descriptor {
            let of = (&track.process, &track.thread, &track.counter);
            let sound = match of {
                (Some(process), None, None) => process.pid.is_some() && process.process_name.is_some(),
                (None, Some(thread), None) => {
                    let parent = track.parent_uuid.and_then(|parent| self.tracks.get(&parent)?.process.clone());
                    let same = parent.is_some_and(|process| process.pid == thread.pid);
                    same && thread.tid.is_some_and(|tid| tid > 0) && thread.thread_name.is_some()
                }
                (None, None, Some(_)) => track.parent_uuid.is_some() && track.name.is_some(),
                _ => false,
            };
            let twice = self
                .tracks
                .values()
                .any(|other| (&other.process, &other.thread, &other.name) == (of.0, of.1, &track.name));
            let number = track.uuid.filter(|uuid| *uuid > 0).ok_or("a track without a number")?;
            if !sound || twice || self.tracks.insert(number, track.clone()).is_some() {
                return Err(format!("not a sound track, or one described twice: {track:?}"));
            }
        }
        Ok(())
    }

    fn event(&mut self, at: u64, packet: &Packet, event: &TrackEvent) -> Result<(), String> {
        let number = event.track_uuid.ok_or("an event without a track")?;
        let track = self.tracks.get(&number).ok_or("a track that is not described")?.clone();
        if (event.r#type() == Type::Counter) != track.counter.is_some() {
            return Err("not an event for this track".to_owned());
        }
        match event.r#type() {
            Type::Counter => {
                let counts = self.checked.counts.entry(track.name.unwrap_or_default()).or_default();
                let count = event.counter_value.filter(|count| *count >= 0).ok_or("not a number of tasks")?;
                if counts.last().is_some_and(|(last, _)| *last >= at) {
                    return Err("counted twice at a time".to_owned());
                }
                counts.push((at, count));
            }
            Type::SliceEnd => {
                let slice = self.open.entry(number).or_default().pop().ok_or("an end without a slice")?;
                self.checked.slices.push(Event { ended: at, ..slice });
            }
            kind @ (Type::SliceBegin | Type::Instant) => {
                if packet.sequence_flags != Some(2) {
                    return Err("it does not say that it refers to something".to_owned());
                }
                let begun = self.begun(at, &track, event)?;
                self.arrows(at, event, &begun.args)?;
                match kind {
                    Type::Instant => self.checked.instants.push(begun),
                    _ if self.open.entry(number).or_default().is_empty() => {
                        self.open.insert(number, vec![begun]);
                    }
                    _ => return Err("slices of a lane overlap".to_owned()),
                }
            }
            Type::Unspecified => return Err("an event of no type".to_owned()),
        }
        Ok(())
    }

    fn begun(&self, at: u64, track: &TrackDescriptor, event: &TrackEvent) -> Result<Event, String> {
        let name = match (event.name_iid, &event.name) {
            (Some(number), None) => self.names.get(&number).cloned(),
            (None, Some(name)) => Some(name.clone()),
            _ => None,
        };
        let [category] = &event.category_iids[..] else { return Err("not one category".to_owned()) };
        Ok(Event {
            track: track.thread.as_ref().and_then(|thread| thread.thread_name.clone()).ok_or("not of a thread")?,
            name: name.filter(|name| !name.is_empty()).ok_or("no name")?,
            category: self.categories.get(category).cloned().ok_or("no such category")?,
            started: at,
            ended: at,
            args: self.fields(&event.debug_annotations)?,
        })
    }

    fn arrows(&mut self, at: u64, event: &TrackEvent, args: &Value) -> Result<(), String> {
        for arrow in &event.flow_ids {
            let twice = self.checked.arrows.contains_key(arrow);
            if twice || *arrow == 0 || self.leaving.insert(*arrow, (at, args.clone())).is_some() {
                return Err("an arrow leaves twice".to_owned());
            }
        }
        for arrow in &event.terminating_flow_ids {
            let (left, from) = self.leaving.remove(arrow).ok_or("an arrow from nowhere")?;
            if left >= at {
                return Err("an arrow that leads nowhere in time".to_owned());
            }
            self.checked.arrows.insert(*arrow, (from, args.clone()));
        }
        Ok(())
    }

    fn fields(&self, entries: &[DebugAnnotation]) -> Result<Value, String> {
        let mut fields = Map::new();
        for entry in entries {
            let name = match (entry.name_iid, &entry.name) {
                (Some(number), None) => self.annotations.get(&number).cloned(),
                (None, name) => name.clone(),
                _ => None,
            };
            let name = name.ok_or("an argument without a name")?;
            if fields.insert(name, self.value(entry)?).is_some() {
                return Err("an argument twice".to_owned());
            }
        }
        Ok(fields.into())
    }

    fn value(&self, said: &DebugAnnotation) -> Result<Value, String> {
        let (entries, items) = (&said.dict_entries, &said.array_values);
        let values = [
            said.bool_value.map(Value::from),
            said.uint_value.map(Value::from),
            said.int_value.map(Value::from),
            said.double_value.map(Value::from),
            said.string_value.clone().map(Value::from),
            (!entries.is_empty()).then(|| self.fields(entries)).transpose()?,
            (!items.is_empty()).then(|| items.iter().map(|item| self.value(item)).collect()).transpose()?,
        ];
        let mut values = values.into_iter().flatten();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(format!("not one value: {said:?}")),
        }
    }
}

fn texts(interned: &[Interned]) -> Result<Texts, String> {
    let entries = interned.iter().map(|text| Some((text.iid.filter(|iid| *iid > 0)?, text.name.clone()?)));
    let texts = entries.collect::<Option<Texts>>().ok_or("a text without a number")?;
    let distinct: BTreeSet<&String> = texts.values().collect();
    match distinct.len() == interned.len() {
        true => Ok(texts),
        false => Err("a text or a number is there twice".to_owned()),
    }
}
