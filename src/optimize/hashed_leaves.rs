use crate::term::{ColumnId, ColumnsId, GetId, Terms};

/// Which reads of leaves give rows that lie as an exchange of the plan would put them.
#[derive(Debug, Default)]
pub(super) struct HashedLeaves(Vec<Option<ColumnsId>>);

impl HashedLeaves {
    /// Those of a query whose exchanges put rows in so many partitions. A plan knows one hash function: that of the first
    /// leaf that declares any for as many partitions.
    pub(super) fn of(terms: &Terms, partitions: usize) -> Self {
        let declared = |leaf: &crate::leaf::Leaf| {
            let fits = partitions > 1 && leaf.partitions() == partitions;
            leaf.hash_partitioning().filter(|_| fits).map(|partitioning| partitioning.function.clone())
        };
        let function = terms.gets().iter().find_map(|spec| declared(&spec.leaf));
        let hashed = terms.gets().iter().map(|spec| {
            (function.is_some() && declared(&spec.leaf) == function)
                .then(|| terms.find_columns(&spec.hashed()?))
                .flatten()
        });
        HashedLeaves(hashed.collect())
    }

    /// The columns by which the rows of a read lie, in the order in which they are hashed.
    pub(super) fn columns(&self, get: GetId) -> Option<ColumnsId> {
        self.0.get(get.0 as usize).copied().flatten()
    }

    /// The same, where all of them are among these columns: what is not read is no reason to say so.
    pub(super) fn among(&self, terms: &Terms, get: GetId, columns: &[ColumnId]) -> Option<Vec<ColumnId>> {
        let hashed = terms.columns_of(self.columns(get)?);
        hashed.iter().all(|column| columns.contains(column)).then(|| hashed.to_vec())
    }
}
