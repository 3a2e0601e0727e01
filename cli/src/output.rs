//! Results as tables, CSV and JSON, and where everything else goes.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, SchemaRef};

use crate::args::Output;
use crate::error::CliError;

/// Where what is not the result goes.
#[derive(Clone, Copy)]
pub enum Screen {
    /// Between the results, for people.
    Stdout,
    /// Away from the results, which a program reads.
    Stderr,
}

impl Screen {
    /// Where it goes beside a result of this form.
    pub fn beside(output: Output) -> Self {
        match output {
            Output::Table => Screen::Stdout,
            Output::Csv | Output::Json => Screen::Stderr,
        }
    }

    /// Writes a text and an end of line, unless it has one.
    pub fn say(self, text: impl std::fmt::Display) -> Result<(), CliError> {
        let mut text = text.to_string();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        match self {
            Screen::Stdout => write_stdout(text.as_bytes()),
            Screen::Stderr => {
                // Whoever closes standard error does not want to hear of it.
                let _ = std::io::stderr().write_all(text.as_bytes());
                Ok(())
            }
        }
    }
}

/// Writes to standard output, and says so when nobody reads it.
pub fn write_stdout(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(CliError::of_write)
}

/// The whole result in a form: made in memory, so that an error leaves nothing half-written.
pub fn result(schema: &SchemaRef, batches: &[RecordBatch], output: Output) -> Result<Vec<u8>, CliError> {
    match output {
        Output::Table => table(schema, batches).map(String::into_bytes),
        Output::Csv => csv(schema, batches),
        Output::Json => json(batches),
    }
}

fn csv(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let mut writer = arrow_csv::WriterBuilder::new().with_header(true).build(&mut bytes);
    // Without rows there still is a header.
    writer.write(&RecordBatch::new_empty(schema.clone())).map_err(CliError::of)?;
    batches.iter().try_for_each(|batch| writer.write(batch)).map_err(CliError::of)?;
    drop(writer);
    Ok(bytes)
}

fn json(batches: &[RecordBatch]) -> Result<Vec<u8>, CliError> {
    let builder = arrow_json::WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, arrow_json::writer::JsonArray>(Vec::new());
    batches.iter().try_for_each(|batch| writer.write(batch)).map_err(CliError::of)?;
    writer.finish().map_err(CliError::of)?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

fn table(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String, CliError> {
    let options = FormatOptions::default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(CliError::of)?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.value(row).try_to_string());
            rows.push(cells.collect::<Result<_, _>>().map_err(CliError::of)?);
        }
    }
    let right: Vec<bool> = schema.fields().iter().map(|field| is_number(field.data_type())).collect();
    let header: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|at| rows.iter().chain([&header]).map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).zip(&right).map(|((cell, width), right)| {
            // Not by a format: that panics beyond a width of 65,535.
            let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
            match right {
                true => format!(" {blanks}{cell} "),
                false => format!(" {cell}{blanks} "),
            }
        });
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule = format!("+{}+\n", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("+"));
    let count =
        format!("{} row{}\n", leafhold::explain::grouped(rows.len() as u64), if rows.len() == 1 { "" } else { "s" });
    let body: String = rows.iter().map(|row| line(row)).collect();
    Ok(format!("{rule}{}{rule}{body}{rule}{count}", line(&header)))
}

fn is_number(kind: &DataType) -> bool {
    kind.is_numeric()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn batch() -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
        let names: ArrayRef = Arc::new(StringArray::from(vec!["é, \"x\"", "b"]));
        RecordBatch::try_from_iter([("n", numbers), ("name", names)]).unwrap()
    }

    fn text(batches: &[RecordBatch], output: Output) -> String {
        String::from_utf8(result(&batch().schema(), batches, output).unwrap()).unwrap()
    }

    #[test]
    fn tables_align_numbers_to_the_right() {
        let expected = "\
+---+--------+
| n | name   |
+---+--------+
| 7 | é, \"x\" |
|   | b      |
+---+--------+
2 rows
";
        assert_eq!(text(&[batch()], Output::Table), expected);
    }

    #[test]
    fn a_cell_may_be_longer_than_a_format_can_be_wide() {
        let long = "x".repeat(70_000);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(), "y"]));
        let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
        let table = String::from_utf8(result(&batch.schema(), &[batch], Output::Table).unwrap()).unwrap();
        let line = format!("| y{} |\n", " ".repeat(long.len() - 1));
        assert!(table.contains(&long) && table.contains(&line));
    }

    #[test]
    fn csv_quotes_and_has_one_header_whatever_the_batches() {
        assert_eq!(text(&[batch(), batch()], Output::Csv), "n,name\n7,\"é, \"\"x\"\"\"\n,b\n7,\"é, \"\"x\"\"\"\n,b\n");
        assert_eq!(text(&[], Output::Csv), "n,name\n");
    }

    #[test]
    fn json_is_one_array_with_nulls() {
        assert_eq!(
            text(&[batch()], Output::Json),
            "[{\"n\":7,\"name\":\"é, \\\"x\\\"\"},{\"n\":null,\"name\":\"b\"}]\n"
        );
        assert_eq!(text(&[], Output::Json), "[]\n");
    }
}
