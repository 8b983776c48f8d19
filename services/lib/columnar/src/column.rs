//! One column while it grows. Plain vectors, because they can be cut back when a row does not belong.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, TimeUnit};
use tidegate_codec::Scalar;

use crate::schema::{ColumnType, Shape};

/// Values of one column with their nulls. For lists and maps `ends[i]` is where row i ends in the items.
#[derive(Debug)]
pub(crate) struct Column {
    valid: Vec<bool>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int128(Vec<i128>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bytes { ends: Vec<i32>, bytes: Vec<u8> },
    Ends(Vec<i32>),
    Struct,
}

/// A value that does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Of another type, or outside of the type's range.
    Type,
    /// The column would pass 2 GiB or 2^31 items.
    Full,
}

// === impl Column ===

impl Column {
    pub(crate) fn new(shape: &Shape) -> Self {
        let values = match shape {
            Shape::Struct(_) => Values::Struct,
            Shape::List(_) | Shape::Map(..) => Values::Ends(Vec::new()),
            Shape::Leaf(leaf) => match leaf {
                ColumnType::Bool => Values::Bool(Vec::new()),
                ColumnType::Int64 | ColumnType::Time | ColumnType::Timestamp { .. } => Values::Int64(Vec::new()),
                ColumnType::Decimal { .. } => Values::Int128(Vec::new()),
                ColumnType::F32 => Values::F32(Vec::new()),
                ColumnType::F64 => Values::F64(Vec::new()),
                ColumnType::Text | ColumnType::Json | ColumnType::Bytes => Values::Bytes {
                    ends: Vec::new(),
                    bytes: Vec::new(),
                },
                ColumnType::Date => Values::Int32(Vec::new()),
            },
        };
        Column { valid: Vec::new(), values }
    }

    pub(crate) fn text() -> Self {
        Column::new(&Shape::Leaf(ColumnType::Text))
    }

    pub(crate) fn int32() -> Self {
        Column::new(&Shape::Leaf(ColumnType::Date))
    }

    pub(crate) fn int64() -> Self {
        Column::new(&Shape::Leaf(ColumnType::Int64))
    }

    pub(crate) fn list() -> Self {
        Column {
            valid: Vec::new(),
            values: Values::Ends(Vec::new()),
        }
    }

    /// How many values, nulls included.
    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Where the items of the last list end.
    pub(crate) fn last_end(&self) -> usize {
        self.end_at(self.len())
    }

    /// Where the items of the first `len` lists end.
    pub(crate) fn end_at(&self, len: usize) -> usize {
        let (Values::Ends(ends) | Values::Bytes { ends, .. }) = &self.values else {
            return 0;
        };
        len.checked_sub(1)
            .map_or(0, |last| usize::try_from(ends[last]).expect("ends never decrease from 0"))
    }

    /// A null. For a struct the caller fills the children.
    pub(crate) fn push_null(&mut self) {
        let end = self.last_end();
        self.valid.push(false);
        match &mut self.values {
            Values::Bool(values) => values.push(false),
            Values::Int32(values) => values.push(0),
            Values::Int64(values) => values.push(0),
            Values::Int128(values) => values.push(0),
            Values::F32(values) => values.push(0.0),
            Values::F64(values) => values.push(0.0),
            Values::Bytes { ends, .. } | Values::Ends(ends) => ends.push(to_end(end).expect("an end that was pushed before")),
            Values::Struct => {}
        }
    }

    /// A struct that is there.
    pub(crate) fn push_struct(&mut self) {
        self.valid.push(true);
    }

    /// A list or map that is there and ends at `items`.
    pub(crate) fn push_end(&mut self, items: usize) -> Result<(), Misfit> {
        let Values::Ends(ends) = &mut self.values else {
            return Err(Misfit::Type);
        };
        ends.push(to_end(items)?);
        self.valid.push(true);
        Ok(())
    }

    pub(crate) fn push_i32(&mut self, value: i32) {
        let Values::Int32(values) = &mut self.values else {
            unreachable!("asked for by name in this crate only")
        };
        values.push(value);
        self.valid.push(true);
    }

    pub(crate) fn push_i64(&mut self, value: i64) {
        let Values::Int64(values) = &mut self.values else {
            unreachable!("asked for by name in this crate only")
        };
        values.push(value);
        self.valid.push(true);
    }

    pub(crate) fn push_bytes(&mut self, value: &[u8]) -> Result<(), Misfit> {
        let Values::Bytes { ends, bytes } = &mut self.values else {
            return Err(Misfit::Type);
        };
        ends.push(to_end(bytes.len() + value.len())?);
        bytes.extend_from_slice(value);
        self.valid.push(true);
        Ok(())
    }

    /// A judged value. Answers about how many bytes it took.
    pub(crate) fn push_scalar(&mut self, leaf: ColumnType, value: &Scalar<'_>) -> Result<usize, Misfit> {
        let taken = match (leaf, value, &mut self.values) {
            (ColumnType::Text, Scalar::Str(text), _) => return self.push_bytes(text.as_bytes()).map(|()| text.len() + 5),
            (ColumnType::Bytes, Scalar::Bytes(bytes), _) => return self.push_bytes(bytes).map(|()| bytes.len() + 5),
            (ColumnType::Bool, Scalar::Bool(value), Values::Bool(values)) => {
                values.push(*value);
                2
            }
            (ColumnType::Int64, Scalar::Int(value), Values::Int64(values)) => {
                values.push(i64::try_from(*value).map_err(|_| Misfit::Type)?);
                9
            }
            (ColumnType::Decimal { precision, scale: 0 }, Scalar::Int(value), Values::Int128(values)) => {
                values.push(within(*value, precision)?);
                17
            }
            (ColumnType::Decimal { precision, scale }, Scalar::Decimal { unscaled, scale: given }, Values::Int128(values)) => {
                if *given != scale {
                    return Err(Misfit::Type);
                }
                values.push(within(*unscaled, precision)?);
                17
            }
            (ColumnType::F32, Scalar::Float(value), Values::F32(values)) => {
                let narrow = *value as f32;
                if f64::from(narrow) != *value && !value.is_nan() {
                    return Err(Misfit::Type);
                }
                values.push(narrow);
                5
            }
            (ColumnType::F64, Scalar::Float(value), Values::F64(values)) => {
                values.push(*value);
                9
            }
            (ColumnType::Date, Scalar::Date(days), Values::Int32(values)) => {
                values.push(*days);
                5
            }
            (ColumnType::Time, Scalar::Time(micros), Values::Int64(values))
            | (ColumnType::Timestamp { .. }, Scalar::Timestamp(micros), Values::Int64(values)) => {
                values.push(*micros);
                9
            }
            _ => return Err(Misfit::Type),
        };
        self.valid.push(true);
        Ok(taken)
    }

    /// Forgets all but the first `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        let end = self.end_at(len);
        self.valid.truncate(len);
        match &mut self.values {
            Values::Bool(values) => values.truncate(len),
            Values::Int32(values) => values.truncate(len),
            Values::Int64(values) => values.truncate(len),
            Values::Int128(values) => values.truncate(len),
            Values::F32(values) => values.truncate(len),
            Values::F64(values) => values.truncate(len),
            Values::Bytes { ends, bytes } => {
                ends.truncate(len);
                bytes.truncate(end);
            }
            Values::Ends(ends) => ends.truncate(len),
            Values::Struct => {}
        }
    }

    /// Nulls and, for lists and maps, offsets; the array is built by the caller from its parts.
    pub(crate) fn into_parts(self) -> (Option<NullBuffer>, Option<OffsetBuffer<i32>>) {
        let offsets = match self.values {
            Values::Ends(ends) => Some(offsets(ends)),
            _ => None,
        };
        (nulls(&self.valid), offsets)
    }

    /// The array of a leaf.
    pub(crate) fn into_leaf(self, data_type: &DataType) -> ArrayRef {
        let nulls = nulls(&self.valid);
        match (self.values, data_type) {
            (Values::Bool(values), _) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls)),
            (Values::Int32(values), DataType::Date32) => Arc::new(Date32Array::new(ScalarBuffer::from(values), nulls)),
            (Values::Int32(values), _) => Arc::new(Int32Array::new(ScalarBuffer::from(values), nulls)),
            (Values::Int64(values), DataType::Time64(_)) => Arc::new(Time64MicrosecondArray::new(ScalarBuffer::from(values), nulls)),
            (Values::Int64(values), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
                Arc::new(TimestampMicrosecondArray::new(ScalarBuffer::from(values), nulls).with_timezone_opt(zone.clone()))
            }
            (Values::Int64(values), _) => Arc::new(Int64Array::new(ScalarBuffer::from(values), nulls)),
            (Values::Int128(values), decimal) => {
                Arc::new(Decimal128Array::new(ScalarBuffer::from(values), nulls).with_data_type(decimal.clone()))
            }
            (Values::F32(values), _) => Arc::new(Float32Array::new(ScalarBuffer::from(values), nulls)),
            (Values::F64(values), _) => Arc::new(Float64Array::new(ScalarBuffer::from(values), nulls)),
            (Values::Bytes { ends, bytes }, DataType::Binary) => Arc::new(BinaryArray::new(offsets(ends), Buffer::from_vec(bytes), nulls)),
            (Values::Bytes { ends, bytes }, _) => Arc::new(StringArray::new(offsets(ends), Buffer::from_vec(bytes), nulls)),
            (Values::Ends(_) | Values::Struct, _) => unreachable!("lists, maps and structs are built from their parts"),
        }
    }
}

fn offsets(ends: Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = ends;
    offsets.insert(0, 0);
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

fn nulls(valid: &[bool]) -> Option<NullBuffer> {
    valid.contains(&false).then(|| NullBuffer::from(valid))
}

fn to_end(end: usize) -> Result<i32, Misfit> {
    i32::try_from(end).map_err(|_| Misfit::Full)
}

fn within(value: i128, precision: u8) -> Result<i128, Misfit> {
    match value.unsigned_abs() < 10_u128.pow(u32::from(precision)) {
        true => Ok(value),
        false => Err(Misfit::Type),
    }
}
