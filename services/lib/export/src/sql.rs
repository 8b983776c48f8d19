//! `CREATE TABLE` for the rows of the lake, in the words of one engine.
//!
//! Columns and their order are those of the Parquet files, so that `INSERT … BY NAME SELECT * FROM` the files (with `union_by_name`) fits. Only the
//! columns that name a row's origin are NOT NULL: a delete or tombstone is a row too, and has no other values.

mod dialect;

use std::fmt::Write as _;

use tidegate_columnar::LayoutError;
use tidegate_columnar::arrow::datatypes::Field;
use tidegate_contract::Property;

use crate::{Export, Gap, Subject, columns, described};

pub use dialect::Dialect;

/// Writes the table with its comments.
pub fn export(subject: &Subject<'_>, dialect: Dialect) -> Result<Export, LayoutError> {
    let schema = columns::schema(subject)?;
    let mut gaps = columns::gaps(subject);
    let table = dialect.quoted(&subject.object.name);
    let mut text = format!(
        "-- Rows of {}, object {}, as Tidegate lands them.\nCREATE TABLE {table} (\n",
        one_line(&subject.contract.reference().to_string()),
        one_line(&subject.object.name)
    );
    let mut comments = String::new();
    for (at, field) in schema.fields().iter().enumerate() {
        let property = subject.object.properties.iter().find(|property| *property.name == **field.name());
        if let Some(property) = property
            && dialect.is_approximate(field.data_type())
        {
            gaps.push(Gap::new(&property.wire_name, &property.location, dialect.approximation()));
        }
        let name = dialect.quoted(field.name());
        let not_null = if columns::is_always_there(field.name()) { " NOT NULL" } else { "" };
        let comma = if at + 1 == schema.fields().len() { "" } else { "," };
        let comment = comment(subject, field, property);
        let inline = match (&comment, dialect.comments_inline()) {
            (Some(comment), true) => format!(" COMMENT {}", dialect.literal(comment)),
            _ => String::new(),
        };
        let _ = writeln!(text, "  {name} {}{not_null}{inline}{comma}", dialect.data_type(field.data_type()));
        if let (Some(comment), false) = (&comment, dialect.comments_inline()) {
            let _ = writeln!(comments, "COMMENT ON COLUMN {table}.{name} IS {};", dialect.literal(comment));
        }
    }
    text.push(')');
    let about = described::description(subject.contract, &subject.object.location);
    match (&about, dialect.comments_inline()) {
        (Some(about), true) => {
            let _ = write!(text, "{}{}", dialect.table_comment(), dialect.literal(about));
        }
        (Some(about), false) => {
            let _ = writeln!(comments, "COMMENT ON TABLE {table} IS {};", dialect.literal(about));
        }
        (None, _) => {}
    }
    text.push_str(";\n");
    text.push_str(&comments);
    Ok(Export { text, gaps })
}

/// What the contract says of a column beside its type.
fn comment(subject: &Subject<'_>, field: &Field, property: Option<&Property>) -> Option<String> {
    let Some(property) = property else {
        return columns::is_always_there(field.name()).then(|| String::from("Written by Tidegate"));
    };
    let mut parts: Vec<String> = described::description(subject.contract, &property.location).into_iter().collect();
    if let Some(position) = property.primary_key {
        parts.push(format!("Primary key {position}"));
    }
    if property.required {
        parts.push(String::from("Required in every event"));
    }
    if let Some(class) = &property.classification {
        parts.push(format!("Classification {class}"));
    }
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_end_matches('.')).collect();
    (!parts.is_empty()).then(|| parts.join(". "))
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
