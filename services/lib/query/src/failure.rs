//! DataFusion's errors as ours. Errors of running queries may quote values of events, so their text stays here.

use std::error::Error;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use tidegate_flow::{Remedy, WorldError};

use crate::lake::Limits;

/// An error met before anything was read from files: its text speaks of the query and of column names.
pub(crate) fn refused(error: &DataFusionError, limits: &Limits) -> WorldError {
    match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::SQL(..) | DataFusionError::SchemaError(..) | DataFusionError::NotImplemented(_) => {
            WorldError::new(Remedy::Operator, format!("the query is refused: {}", error.strip_backtrace()))
        }
        _ => world(error, limits),
    }
}

/// An error met while files were read.
pub(crate) fn world(error: &DataFusionError, limits: &Limits) -> WorldError {
    if let Some(ours) = store_error(error) {
        return WorldError::new(ours.remedy, ours.what.clone());
    }
    let what = match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::SQL(..) | DataFusionError::SchemaError(..) | DataFusionError::NotImplemented(_) => {
            return WorldError::new(Remedy::Operator, format!("the query is refused: {}", error.strip_backtrace()));
        }
        DataFusionError::ResourcesExhausted(_) => {
            format!("the query needs more memory than its limit of {} MiB", limits.memory_bytes >> 20)
        }
        DataFusionError::ArrowError(inner, _) => match **inner {
            ArrowError::DivideByZero => "the query divides by zero".to_owned(),
            ArrowError::ArithmeticOverflow(_) => "the query computes a number that does not fit its type".to_owned(),
            ArrowError::CastError(_) | ArrowError::ParseError(_) => "the query casts a value that does not fit the type".to_owned(),
            _ => "the query fails on a value of the data".to_owned(),
        },
        DataFusionError::ParquetError(_) => "a file of the lake is not readable Parquet".to_owned(),
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => "the store gave something else than it listed".to_owned(),
        _ => "the query fails while it runs".to_owned(),
    };
    WorldError::new(Remedy::Operator, what)
}

/// The error of our own port, if that is what is underneath.
fn store_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e WorldError> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(ours) = current.downcast_ref::<WorldError>() {
            return Some(ours);
        }
        next = current.source();
    }
    None
}
