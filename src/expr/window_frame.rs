use std::fmt;

use crate::token::{Tokenize, Tokenizer};

/// What the bounds of a frame count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameUnits {
    /// Rows.
    Rows,
    /// Rows with their peers: rows that agree on the order.
    Range,
    /// Groups of peers.
    Groups,
}

/// Where a frame begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameBound {
    /// At the start of the partition.
    UnboundedPreceding,
    /// So many before the current row.
    Preceding(u64),
    /// At the current row.
    CurrentRow,
    /// So many after the current row.
    Following(u64),
    /// At the end of the partition.
    UnboundedFollowing,
}

impl FrameBound {
    /// Where it lies relative to the current row.
    fn position(self) -> i128 {
        match self {
            FrameBound::UnboundedPreceding => i128::MIN,
            FrameBound::Preceding(rows) => -i128::from(rows),
            FrameBound::CurrentRow => 0,
            FrameBound::Following(rows) => i128::from(rows),
            FrameBound::UnboundedFollowing => i128::MAX,
        }
    }
}

/// Which rows of its partition a call sees from each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowFrame {
    /// What the bounds count.
    pub units: FrameUnits,
    /// The first of the rows.
    pub start: FrameBound,
    /// The last of the rows.
    pub end: FrameBound,
}

impl WindowFrame {
    /// Everything up to the current row and its peers: what SQL means when it says nothing of an ordered
    /// window. Without an order, all rows are peers.
    pub const UP_TO_PEERS: WindowFrame =
        WindowFrame { units: FrameUnits::Range, start: FrameBound::UnboundedPreceding, end: FrameBound::CurrentRow };
    /// All rows of the partition.
    pub const ALL: WindowFrame = WindowFrame {
        units: FrameUnits::Rows,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::UnboundedFollowing,
    };

    /// A frame that counts rows.
    pub fn rows(start: FrameBound, end: FrameBound) -> Self {
        WindowFrame { units: FrameUnits::Rows, start, end }
    }

    /// Why the frame makes no sense over a window, if it makes none.
    pub(crate) fn fault(&self, ordered: bool) -> Option<&'static str> {
        let offset = |bound| matches!(bound, FrameBound::Preceding(_) | FrameBound::Following(_));
        match self {
            WindowFrame { start: FrameBound::UnboundedFollowing, .. } => Some("no frame starts at the partition's end"),
            WindowFrame { end: FrameBound::UnboundedPreceding, .. } => Some("no frame ends at the partition's start"),
            frame if frame.start.position() > frame.end.position() => Some("it ends before it starts; swap the bounds"),
            WindowFrame { units: FrameUnits::Range, start, end } if offset(*start) || offset(*end) => {
                Some("a range by distance of values is not supported; count rows or groups")
            }
            WindowFrame { units: FrameUnits::Groups, .. } if !ordered => {
                Some("without an order all rows are one group; order the window or count rows")
            }
            _ => None,
        }
    }
}

impl Tokenize for WindowFrame {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("window-frame");
        tokenizer.put_str(&self.to_string());
    }
}

impl fmt::Display for FrameBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameBound::UnboundedPreceding => f.write_str("unbounded-preceding"),
            FrameBound::Preceding(rows) => write!(f, "{rows}-preceding"),
            FrameBound::CurrentRow => f.write_str("current-row"),
            FrameBound::Following(rows) => write!(f, "{rows}-following"),
            FrameBound::UnboundedFollowing => f.write_str("unbounded-following"),
        }
    }
}

impl fmt::Display for WindowFrame {
    /// The notation of plans: `(rows 1-preceding current-row)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = match self.units {
            FrameUnits::Rows => "rows",
            FrameUnits::Range => "range",
            FrameUnits::Groups => "groups",
        };
        write!(f, "({units} {} {})", self.start, self.end)
    }
}
