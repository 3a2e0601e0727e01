use arrow_schema::DataType;

/// An Arrow type with a total order (by its text), so that operators have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataTypeKey(pub DataType);

impl PartialOrd for DataTypeKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DataTypeKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self.0 == other.0 {
            return std::cmp::Ordering::Equal;
        }
        format!("{:?}", self.0).cmp(&format!("{:?}", other.0))
    }
}
