//! An Avro schema as the reader's: what an event was written with must resolve to it.

use std::sync::Arc;

use tidegate_codec::avro::{Mismatch, Schema, Shape, resolves};
use tidegate_contract::{Diagnostic, Location, SchemaFolder};

use super::references::{Unresolved, gather_avro};
use super::{error, sha256};
use crate::plan::codes;

/// Answers about writers' schemas that a judge keeps. A topic has a handful of them.
const KEPT_MAX: usize = 64;

/// The Avro schema that a contract names.
#[derive(Debug)]
pub struct AvroSchema {
    schema: Arc<Schema>,
    shape: Arc<Shape>,
    files: Vec<(String, String)>,
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
    /// Compiles the file at `path` below `schemas/` with the files that define the types which it names. `named` is where the contract names
    /// it.
    pub(super) fn compile(folder: &SchemaFolder, path: &str, named: &Location) -> Result<AvroSchema, Diagnostic> {
        let text = folder.get(path).expect("the file is there before it is compiled");
        let gathered = gather_avro(folder, path).map_err(|unresolved| told(folder, unresolved, named))?;
        let references: Vec<(&str, &str)> = gathered.iter().map(|one| (one.name.as_str(), one.text)).collect();
        let refused = |problem: String| {
            error(
                codes::EVENT_SCHEMA,
                named,
                format!("`schemas/{path}` is no Avro schema: {problem}"),
                "",
            )
        };
        let mut files: Vec<(String, String)> = gathered.iter().map(|one| (one.path.to_string(), sha256(one.text))).collect();
        files.push((path.to_owned(), sha256(text)));
        files.sort();
        Ok(AvroSchema {
            schema: Arc::new(Schema::parse(text, &references).map_err(refused)?),
            shape: Arc::new(Shape::parse(text, &references).map_err(refused)?),
            files,
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

/// Said at the line of the file that names it, else where the contract names the file.
fn told(folder: &SchemaFolder, unresolved: Unresolved, named: &Location) -> Diagnostic {
    let Unresolved { path, name, problem, help } = unresolved;
    let place = name.and_then(|name| {
        let simple = name.rsplit('.').next().unwrap_or_default();
        let written = |name: &str| {
            let quoted = format!("\"{name}\"");
            let mut lines = folder.get(&path)?.lines().enumerate();
            lines.find_map(|(line, text)| Some((line + 1, text[..text.find(&quoted)?].chars().count() + 1)))
        };
        written(&name).or_else(|| written(simple))
    });
    let Some((line, column)) = place else {
        return error(codes::EVENT_SCHEMA, named, problem, &help);
    };
    let one_based = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let place = Location {
        file: format!("schemas/{path}").into(),
        line: one_based(line),
        column: one_based(column),
        pointer: "".into(),
    };
    error(codes::EVENT_SCHEMA, &place, problem, &help)
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
        let compiled = |of: &str| {
            let named = Location {
                file: "a.odcs.yaml".into(),
                line: 1,
                column: 1,
                pointer: "".into(),
            };
            AvroSchema::compile(&SchemaFolder::from_texts([("a.avsc", record(of).as_str())]), "a.avsc", &named).unwrap()
        };
        let (wide, narrow) = (compiled("long"), compiled("int"));
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
