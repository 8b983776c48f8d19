//! Values of an answer.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use tidegate_flow::{Remedy, WorldError};
use tidegate_objectives::Cell;

/// Adds the rows of a batch.
pub(crate) fn read(batch: &RecordBatch, rows: &mut Vec<Vec<Cell>>) -> Result<(), WorldError> {
    for row in 0..batch.num_rows() {
        rows.push(batch.columns().iter().map(|column| cell(column, row)).collect::<Result<_, _>>()?);
    }
    Ok(())
}

fn cell(column: &ArrayRef, row: usize) -> Result<Cell, WorldError> {
    if column.data_type() == &DataType::Null || column.is_null(row) {
        return Ok(Cell::Null);
    }
    let text =
        || array_value_to_string(column, row).map_err(|_| WorldError::new(Remedy::Bug, format!("a {} has no text", column.data_type())));
    Ok(match column.data_type() {
        DataType::Boolean => Cell::Bool(column.as_boolean().value(row)),
        DataType::Float32 => float(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(column.as_primitive::<Float64Type>().value(row)),
        of if of.is_integer()
            || matches!(
                of,
                DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
            ) =>
        {
            Cell::Number(text()?)
        }
        _ => Cell::Text(text()?),
    })
}

/// Rust writes doubles as the shortest decimal that reads back as the same, without an exponent.
fn float(value: f64) -> Cell {
    if value.is_finite() {
        Cell::Number(value.to_string())
    } else {
        Cell::Text(value.to_string())
    }
}
