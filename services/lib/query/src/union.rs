//! Columns of many files as one schema: matched by name. Within a major only the precision of a decimal may grow; nothing else is widened.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

/// A schema under way.
#[derive(Debug, Default)]
pub(crate) struct Union {
    fields: Vec<FieldRef>,
    places: HashMap<String, usize>,
    /// The first file that had each column, for the error.
    owners: Vec<String>,
}

// === impl Union ===

impl Union {
    /// Adds a file's columns. The error names both files when a column has two types.
    pub(crate) fn add(&mut self, file: &str, schema: &Schema) -> Result<(), String> {
        for field in schema.fields() {
            match self.places.get(field.name()) {
                None => {
                    self.places.insert(field.name().clone(), self.fields.len());
                    self.fields.push(Arc::new(Field::new(field.name(), bare(field.data_type()), true)));
                    self.owners.push(file.to_owned());
                }
                Some(place) => {
                    let known = &self.fields[*place];
                    if known.data_type() == field.data_type() {
                        continue;
                    }
                    let merged = merge(known.data_type(), field.data_type()).ok_or_else(|| {
                        format!(
                            "column `{}` is {} in {} and {} in {file}: files of one major version must agree",
                            field.name(),
                            known.data_type(),
                            self.owners[*place],
                            field.data_type(),
                        )
                    })?;
                    self.fields[*place] = Arc::new(Field::new(field.name(), merged, true));
                }
            }
        }
        Ok(())
    }

    /// All columns, nullable, in the order in which they were first seen.
    pub(crate) fn fields(self) -> Vec<FieldRef> {
        self.fields
    }
}

/// The type without the fields' metadata and with every field nullable.
fn bare(of: &DataType) -> DataType {
    merge(of, of).unwrap_or_else(|| of.clone())
}

/// One type for both; none when they differ in more than the fields of structs and the precision of decimals.
fn merge(left: &DataType, right: &DataType) -> Option<DataType> {
    let inner =
        |left: &FieldRef, right: &FieldRef| Some(Arc::new(Field::new(left.name(), merge(left.data_type(), right.data_type())?, true)));
    Some(match (left, right) {
        (DataType::Struct(left), DataType::Struct(right)) => {
            let mut fields: Vec<FieldRef> = Vec::with_capacity(left.len());
            for field in left {
                let other = right.iter().find(|other| other.name() == field.name()).unwrap_or(field);
                fields.push(inner(field, other)?);
            }
            for field in right.iter().filter(|field| !left.iter().any(|known| known.name() == field.name())) {
                fields.push(inner(field, field)?);
            }
            DataType::Struct(Fields::from(fields))
        }
        (DataType::List(left), DataType::List(right)) => DataType::List(inner(left, right)?),
        // Keys and entries of a map are never null; only the value's type is looked into.
        (DataType::Map(left_entries, sorted), DataType::Map(right_entries, _)) => {
            let (DataType::Struct(left), DataType::Struct(right)) = (left_entries.data_type(), right_entries.data_type()) else {
                return None;
            };
            let ([left_key, left_value], [right_key, right_value]) = (&left[..], &right[..]) else {
                return None;
            };
            if left_key.data_type() != right_key.data_type() {
                return None;
            }
            let key = Arc::new(Field::new(left_key.name(), left_key.data_type().clone(), false));
            let entries = DataType::Struct(Fields::from(vec![key, inner(left_value, right_value)?]));
            DataType::Map(Arc::new(Field::new(left_entries.name(), entries, false)), *sorted)
        }
        (DataType::Decimal128(left, scale), DataType::Decimal128(right, same)) if scale == same => {
            DataType::Decimal128(*left.max(right), *scale)
        }
        (left, right) if left == right => left.clone(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        Schema::new(
            fields
                .iter()
                .map(|(name, of)| Field::new(*name, of.clone(), false))
                .collect::<Vec<_>>(),
        )
    }

    fn structure(names: &[&str]) -> DataType {
        DataType::Struct(names.iter().map(|name| Field::new(*name, DataType::Utf8, false)).collect())
    }

    #[test]
    fn columns_and_fields_of_structs_are_united_by_name() {
        let mut union = Union::default();
        union
            .add("one", &schema(&[("id", DataType::Int64), ("ship", structure(&["city"]))]))
            .unwrap();
        union
            .add("two", &schema(&[("ship", structure(&["zip", "city"])), ("note", DataType::Utf8)]))
            .unwrap();
        let fields = union.fields();
        assert_eq!(
            fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
            ["id", "ship", "note"]
        );
        assert!(fields.iter().all(|field| field.is_nullable()));
        let DataType::Struct(inner) = fields[1].data_type() else {
            panic!("a struct")
        };
        assert_eq!(inner.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["city", "zip"]);
    }

    #[test]
    fn two_types_are_refused_with_both_files() {
        let mut union = Union::default();
        union.add("one.parquet", &schema(&[("id", DataType::Int32)])).unwrap();
        let error = union.add("two.parquet", &schema(&[("id", DataType::Int64)])).unwrap_err();
        assert!(error.contains("`id` is Int32 in one.parquet and Int64 in two.parquet"), "{error}");
    }
}
