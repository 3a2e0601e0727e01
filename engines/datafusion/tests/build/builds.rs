//! Counts builds by the spans that tell of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Once};

use leafhold::token::Token;
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// How often each join was built: fragment and node.
static BUILDS: LazyLock<Mutex<BTreeMap<(String, u64), usize>>> = LazyLock::new(Mutex::default);

/// Fragments of which the next build panics.
static PANICS: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

/// The builds of the joins of a fragment, from here on.
pub struct Builds(String);

impl Builds {
    pub fn of(fragment: Token) -> Self {
        static LISTENING: Once = Once::new();
        LISTENING.call_once(|| tracing::subscriber::set_global_default(Listener::default()).unwrap());
        let fragment = fragment.to_string();
        BUILDS.lock().retain(|(built, _), _| *built != fragment);
        Builds(fragment)
    }

    /// Has the next build panic.
    pub fn panic_once(&self) {
        PANICS.lock().insert(self.0.clone());
    }

    /// How often each of its joins was built, by node.
    pub fn counts(&self) -> Vec<(u64, usize)> {
        let builds = BUILDS.lock();
        builds
            .iter()
            .filter(|((fragment, _), _)| *fragment == self.0)
            .map(|((_, node), count)| (*node, *count))
            .collect()
    }
}

#[derive(Default)]
struct Listener(AtomicU64);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "build" && metadata.target().starts_with("leafhold_datafusion")
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut built = Built::default();
        attributes.record(&mut built);
        let panics = PANICS.lock().remove(&built.fragment);
        assert!(!panics, "a build that panics");
        *BUILDS.lock().entry((built.fragment, built.node)).or_default() += 1;
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The fields of a span.
#[derive(Default)]
struct Built {
    fragment: String,
    node: u64,
}

impl Visit for Built {
    fn record_u64(&mut self, _: &Field, value: u64) {
        self.node = value;
    }
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        self.fragment = format!("{value:?}");
    }
}
