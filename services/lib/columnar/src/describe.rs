//! The schema of the lake's files as Parquet's own text form.

use arrow::datatypes::Schema;
use parquet::arrow::ArrowSchemaConverter;
use parquet::schema::printer::print_schema;

use crate::parquet::EncodeError;

/// The message type that [`crate::encode`] gives to a batch of this schema.
pub fn parquet_message(schema: &Schema) -> Result<String, EncodeError> {
    let described = ArrowSchemaConverter::new().convert(schema)?;
    let mut text = Vec::new();
    print_schema(&mut text, described.root_schema());
    Ok(String::from_utf8_lossy(&text).into_owned())
}
