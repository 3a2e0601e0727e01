use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::store::Rows;
use crate::token::Token;

/// Results of an executor's finished tasks, as long as somebody holds them: by the identity of the work. It keeps no
/// rows alive.
#[derive(Default)]
pub(super) struct Reuse(Mutex<Table>);

#[derive(Default)]
struct Table {
    ports: FxHashMap<(Token, u32), Known>,
    /// When there are more than these, it is time to look which are dead.
    crowded: usize,
}

struct Known {
    data: Weak<Vec<RecordBatch>>,
    rows: u64,
    bytes: u64,
}

/// So few need no tidying.
const FEW: usize = 1024;

impl Reuse {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().ports.is_empty()
    }

    /// Remembers what a task gave through some of its ports.
    pub(super) fn remember<'a>(&self, token: Token, ports: impl Iterator<Item = (usize, &'a Rows)>) {
        let mut table = self.0.lock();
        for (port, rows) in ports {
            let known = Known { data: Arc::downgrade(&rows.data), rows: rows.rows, bytes: rows.bytes };
            table.ports.insert((token, port as u32), known);
        }
        if table.ports.len() > table.crowded.max(FEW) {
            table.tidy();
        }
    }

    /// The rows of some ports of a task, if all of them are alive.
    pub(super) fn find(&self, token: Token, ports: impl Iterator<Item = usize>) -> Option<Vec<(usize, Rows)>> {
        let table = self.0.lock();
        let find = |port| {
            let known = table.ports.get(&(token, port as u32))?;
            Some((port, Rows { data: known.data.upgrade()?, rows: known.rows, bytes: known.bytes }))
        };
        let found: Vec<_> = ports.map(find).collect();
        // Where one is dead the others go, perhaps as their last holder: outside the lock.
        drop(table);
        found.into_iter().collect()
    }

    /// Forgets what is dead.
    pub(super) fn tidy(&self) {
        self.0.lock().tidy();
    }
}

impl Table {
    fn tidy(&mut self) {
        self.ports.retain(|_, known| known.data.strong_count() > 0);
        self.crowded = 2 * self.ports.len();
    }
}
