//! Columns of text under their heads.

/// A column: a head, and a cell in each row.
pub(super) struct Column {
    cells: Vec<String>,
    right: bool,
    optional: bool,
}

impl Column {
    /// Words: aligned to the left.
    pub(super) fn left(head: &str) -> Self {
        Column { cells: vec![head.to_owned()], right: false, optional: false }
    }

    /// Numbers: aligned to the right.
    pub(super) fn right(head: &str) -> Self {
        Column { right: true, ..Column::left(head) }
    }

    /// Left out where each cell is `-`.
    pub(super) fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(super) fn push(&mut self, cell: String) {
        self.cells.push(cell);
    }
}

/// The lines of a table, without blanks at their ends.
pub(super) fn table(columns: &[Column]) -> String {
    let shown: Vec<(&Column, usize)> = columns
        .iter()
        .filter(|column| !column.optional || column.cells[1..].iter().any(|cell| cell != "-"))
        .map(|column| (column, column.cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0)))
        .collect();
    let rows = columns.iter().map(|column| column.cells.len()).min().unwrap_or(0);
    let mut text = String::new();
    for row in 0..rows {
        // By hand: a format pads to 65,535 at most, and panics beyond.
        let cells = shown.iter().map(|(column, width)| {
            let cell = &column.cells[row];
            let blank = " ".repeat(width - cell.chars().count());
            if column.right { blank + cell } else { format!("{cell}{blank}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The text on one line, with what a terminal would obey written out: labels and errors come from anywhere.
pub(super) fn plain(text: &str) -> String {
    let shown = |at: char| if at.is_control() { at.escape_default().collect::<Vec<_>>() } else { vec![at] };
    text.chars().flat_map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_without_a_word_are_left_out() {
        let mut columns = [Column::left("a"), Column::right("n"), Column::right("x").optional()];
        columns[0].push("word".to_owned());
        columns[1].push("10".to_owned());
        columns[2].push("-".to_owned());
        assert_eq!(table(&columns), "a      n\nword  10\n");
        columns[2].cells[1] = "7".to_owned();
        assert_eq!(table(&columns), "a      n  x\nword  10  7\n");
    }

    #[test]
    fn terminals_obey_nothing_of_it() {
        assert_eq!(plain("a\u{1b}[31m\nb\té"), "a\\u{1b}[31m\\nb\\té");
    }

    #[test]
    fn cells_of_any_width_are_columns() {
        let mut words = Column::left("label");
        words.push("x".repeat(70_000));
        words.push("y".to_owned());
        let mut numbers = Column::right("rows");
        numbers.push("1".to_owned());
        numbers.push("20".to_owned());
        let text = table(&[words, numbers]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.iter().map(|line| line.len()).collect::<Vec<_>>(), [70_006; 3]);
        assert!(lines[2].starts_with('y') && lines[2].ends_with("  20"));
    }
}
