//! An Avro schema as the reader's: what an event was written with must resolve to it.

use std::sync::Arc;

use tidegate_codec::avro::{Mismatch, Schema, Shape, resolves};

use super::sha256;

/// Answers about writers' schemas that a judge keeps. A topic has a handful of them.
const KEPT_MAX: usize = 64;

/// The Avro schema that a contract names.
#[derive(Debug)]
pub struct AvroSchema {
    schema: Arc<Schema>,
    shape: Arc<Shape>,
    files: [(String, String); 1],
}

/// Answers that were worked out already, by the two schemas themselves. One a judge, so no two threads share it.
#[derive(Debug, Default)]
pub(crate) struct Resolutions {
    kept: Vec<Kept>,
}

/// Holds both schemas, so that no other can come to lie at the same place.
#[derive(Debug)]
struct Kept {
    writer: Arc<Schema>,
    reader: Arc<Shape>,
    answer: Result<(), Mismatch>,
}

// === impl AvroSchema ===

impl AvroSchema {
    /// Compiles the text of the file at `path` below `schemas/`. It must be complete in itself.
    pub(super) fn parse(text: &str, path: &str) -> Result<AvroSchema, String> {
        Ok(AvroSchema {
            schema: Arc::new(Schema::parse(text, &[])?),
            shape: Arc::new(Shape::parse(text, &[])?),
            files: [(path.to_owned(), sha256(text))],
        })
    }

    /// What a datum without any frame is read with: it can only have been written with exactly this schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub(super) fn files(&self) -> &[(String, String)] {
        &self.files
    }
}

// === impl Resolutions ===

impl Resolutions {
    /// Whether everything that `writer` writes can be read as the schema; worked out once.
    pub(crate) fn ask(&mut self, schema: &AvroSchema, writer: &Arc<Schema>) -> Result<(), Mismatch> {
        if Arc::ptr_eq(&schema.schema, writer) {
            return Ok(());
        }
        let known = self
            .kept
            .iter()
            .find(|kept| Arc::ptr_eq(&kept.writer, writer) && Arc::ptr_eq(&kept.reader, &schema.shape));
        if let Some(known) = known {
            return known.answer.clone();
        }
        let answer = match writer.shape() {
            Ok(written) => resolves(&written, &schema.shape),
            Err(_) => Err(Mismatch {
                pointer: String::new(),
                missing: false,
            }),
        };
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push(Kept {
            writer: writer.clone(),
            reader: schema.shape.clone(),
            answer: answer.clone(),
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(of: &str) -> String {
        format!(r#"{{"type":"record","name":"R","fields":[{{"name":"v","type":"{of}"}}]}}"#)
    }

    #[test]
    fn answers_are_kept_apart_and_bounded() {
        let (wide, narrow) = (
            AvroSchema::parse(&record("long"), "w").unwrap(),
            AvroSchema::parse(&record("int"), "n").unwrap(),
        );
        let mut resolutions = Resolutions::default();
        let writer = Arc::new(Schema::parse(&record("long"), &[]).unwrap());
        for _ in 0..2 {
            assert_eq!(resolutions.ask(&wide, &writer), Ok(()));
            assert_eq!(resolutions.ask(&narrow, &writer).unwrap_err().pointer, "/v");
        }
        assert_eq!(resolutions.kept.len(), 2);
        for _ in 0..KEPT_MAX * 2 {
            let other = Arc::new(Schema::parse(&record("string"), &[]).unwrap());
            assert!(resolutions.ask(&wide, &other).is_err());
        }
        assert_eq!(resolutions.kept.len(), KEPT_MAX);
        assert_eq!(resolutions.ask(&wide, wide.schema()), Ok(()));
    }
}
