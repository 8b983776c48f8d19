//! How each engine writes names, texts and types.

use tidegate_columnar::arrow::datatypes::DataType;

/// An engine that reads the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Snowflake: nested columns are OBJECT and ARRAY, as its Parquet loader makes them.
    Snowflake,
    /// DuckDB.
    DuckDb,
    /// Spark SQL.
    Spark,
}

// === impl Dialect ===

impl Dialect {
    /// A name, quoted so that it keeps its case and may hold anything.
    pub(super) fn quoted(self, name: &str) -> String {
        match self {
            Dialect::Snowflake | Dialect::DuckDb => format!("\"{}\"", name.replace('"', "\"\"")),
            Dialect::Spark => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// A text constant.
    pub(super) fn literal(self, text: &str) -> String {
        match self {
            // Only these two know escapes with a backslash.
            Dialect::Snowflake => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
            Dialect::Spark => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Dialect::DuckDb => format!("'{}'", text.replace('\'', "''")),
        }
    }

    /// Whether comments stand beside their columns.
    pub(super) fn comments_inline(self) -> bool {
        self != Dialect::DuckDb
    }

    /// What stands before a table's comment.
    pub(super) fn table_comment(self) -> &'static str {
        match self {
            Dialect::Snowflake => "\nCOMMENT = ",
            Dialect::Spark | Dialect::DuckDb => "\nCOMMENT ",
        }
    }

    /// Whether the engine has no type for exactly these values.
    pub(super) fn is_approximate(self, data_type: &DataType) -> bool {
        match (self, data_type) {
            (Dialect::Snowflake, nested) => nested.is_nested(),
            (Dialect::Spark, DataType::Time64(_)) => true,
            (Dialect::Spark, nested) if nested.is_nested() => inner(nested).iter().any(|data_type| self.is_approximate(data_type)),
            _ => false,
        }
    }

    /// The sentence about it.
    pub(super) fn approximation(self) -> &'static str {
        match self {
            Dialect::Snowflake => "nested columns are semi-structured: types inside of them are not said",
            Dialect::Spark => "TIME needs Spark 4.1; older versions cannot read the column",
            Dialect::DuckDb => "has no exact type",
        }
    }

    /// The type of a column.
    pub(super) fn data_type(self, data_type: &DataType) -> String {
        use Dialect::{DuckDb, Snowflake, Spark};
        let plain = match (self, data_type) {
            (_, DataType::Boolean) => "BOOLEAN",
            (Snowflake, DataType::Int32) => "NUMBER(10,0)",
            (_, DataType::Int32) => "INTEGER",
            (Snowflake, DataType::Int64) => "NUMBER(19,0)",
            (_, DataType::Int64) => "BIGINT",
            (Snowflake, DataType::Decimal128(precision, scale)) => return format!("NUMBER({precision},{scale})"),
            (_, DataType::Decimal128(precision, scale)) => return format!("DECIMAL({precision},{scale})"),
            // Snowflake's only float is a double.
            (Snowflake, DataType::Float32 | DataType::Float64) => "FLOAT",
            (_, DataType::Float32) => "FLOAT",
            (_, DataType::Float64) => "DOUBLE",
            (Spark, DataType::Utf8) => "STRING",
            (_, DataType::Utf8) => "VARCHAR",
            (DuckDb, DataType::Binary) => "BLOB",
            (_, DataType::Binary) => "BINARY",
            (_, DataType::Date32) => "DATE",
            (DuckDb, DataType::Time64(_)) => "TIME",
            (_, DataType::Time64(_)) => "TIME(6)",
            (Snowflake, DataType::Timestamp(_, Some(_))) => "TIMESTAMP_TZ(6)",
            (Snowflake, DataType::Timestamp(_, None)) => "TIMESTAMP_NTZ(6)",
            (DuckDb, DataType::Timestamp(_, Some(_))) => "TIMESTAMP WITH TIME ZONE",
            (DuckDb, DataType::Timestamp(_, None)) => "TIMESTAMP",
            (Spark, DataType::Timestamp(_, Some(_))) => "TIMESTAMP",
            (Spark, DataType::Timestamp(_, None)) => "TIMESTAMP_NTZ",
            (Snowflake, DataType::List(_)) => "ARRAY",
            (Snowflake, DataType::Struct(_) | DataType::Map(..)) => "OBJECT",
            (DuckDb, DataType::Struct(fields)) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|field| format!("{} {}", self.quoted(field.name()), self.data_type(field.data_type())))
                    .collect();
                return format!("STRUCT({})", fields.join(", "));
            }
            (Spark, DataType::Struct(fields)) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|field| format!("{}: {}", self.quoted(field.name()), self.data_type(field.data_type())))
                    .collect();
                return format!("STRUCT<{}>", fields.join(", "));
            }
            (DuckDb, DataType::List(item)) => return format!("{}[]", self.data_type(item.data_type())),
            (Spark, DataType::List(item)) => return format!("ARRAY<{}>", self.data_type(item.data_type())),
            (DuckDb | Spark, DataType::Map(..)) => {
                let [key, value] = inner(data_type)[..] else {
                    unreachable!("a map has entries of key and value")
                };
                let (key, value) = (self.data_type(key), self.data_type(value));
                return match self {
                    Spark => format!("MAP<{key}, {value}>"),
                    _ => format!("MAP({key}, {value})"),
                };
            }
            (_, other) => unreachable!("the lake has no column of type {other}"),
        };
        plain.to_owned()
    }
}

fn inner(data_type: &DataType) -> Vec<&DataType> {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(item) => vec![item.data_type()],
        DataType::Map(entries, _) => inner(entries.data_type()),
        _ => Vec::new(),
    }
}
