//! A Protobuf message as the reader's: bare events are read with it, and what other events were written with must fit it.
//!
//! Imports lead to files under `schemas/`, by their path below that folder, and to the well-known files that come with the compiler. Nothing
//! else is ever opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_codec::protobuf::{self, MessageId, Mismatch, Schema};
use tidegate_contract::{Diagnostic, EventSchemaKind, Level, Location, SchemaFolder, nearest};

use super::sha256;
use crate::plan::codes;

/// Files that one schema may import, directly or not.
const FILES_MAX: usize = 200;
/// Answers about writers' messages that a judge keeps. A topic has a handful of them.
const KEPT_MAX: usize = 64;

/// The Protobuf message that a contract names.
#[derive(Debug)]
pub struct ProtobufSchema {
    schema: Arc<Schema>,
    message: MessageId,
    files: Vec<(String, String)>,
}

/// Answers that were worked out already. One a judge, so no two threads share it.
#[derive(Debug, Default)]
pub(crate) struct Fits {
    kept: Vec<Kept>,
}

/// Holds both schemas, so that no other can come to lie at the same place.
#[derive(Debug)]
struct Kept {
    writer: (Arc<Schema>, MessageId),
    reader: (Arc<Schema>, MessageId),
    answer: Result<(), Mismatch>,
}

// === impl ProtobufSchema ===

impl ProtobufSchema {
    /// Compiles the file at `path` below `schemas/` with everything that it imports, and finds the message in it. `named` is where the contract
    /// names it.
    pub(super) fn compile(folder: &SchemaFolder, path: &str, message: &str, named: &Location) -> Result<ProtobufSchema, Vec<Diagnostic>> {
        let files = gather(folder, path, named)?;
        let text = files[path];
        let imported: Vec<(&str, &str)> = files
            .iter()
            .filter(|(other, _)| **other != path)
            .map(|(path, text)| (*path, *text))
            .collect();
        let schema = Schema::parse(text, &imported).map_err(|problem| {
            let problem = format!("`schemas/{path}` is no Protobuf schema: {problem}");
            vec![fault(codes::EVENT_SCHEMA, at(path, 1), problem, String::new())]
        })?;
        let Some(found) = schema.declared(message) else {
            let problem = format!("`schemas/{path}` declares no message `{message}`");
            let help = match nearest(message, schema.names()) {
                Some(near) => format!("did you mean `{near}`? The full name has the file's package in front"),
                None => "write the full name, with the package of the file in front, such as `shop.Order`".to_owned(),
            };
            return Err(vec![fault(codes::EVENT_SCHEMA, named.clone(), problem, help)]);
        };
        Ok(ProtobufSchema {
            schema: Arc::new(schema),
            message: found,
            files: files.iter().map(|(path, text)| ((*path).to_owned(), sha256(text))).collect(),
        })
    }

    /// What a bare message is read with.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The message that events are.
    pub fn message(&self) -> MessageId {
        self.message
    }

    pub(super) fn files(&self) -> &[(String, String)] {
        &self.files
    }
}

/// The file and everything that it imports, by path; every import that leads nowhere is said with its line.
fn gather<'f>(folder: &'f SchemaFolder, root: &'f str, named: &Location) -> Result<BTreeMap<&'f str, &'f str>, Vec<Diagnostic>> {
    let mut files: BTreeMap<&str, &str> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut open: Vec<&str> = vec![root];
    while let Some(path) = open.pop() {
        if files.contains_key(path) {
            continue;
        }
        if files.len() == FILES_MAX {
            let problem = format!("`schemas/{root}` imports more than {FILES_MAX} files");
            return Err(vec![fault(codes::EVENT_SCHEMA, named.clone(), problem, String::new())]);
        }
        let text = folder.get(path).expect("it is there before it is opened");
        files.insert(path, text);
        let imports = match protobuf::imports(text) {
            Ok(imports) => imports,
            Err(problem) => {
                let problem = format!("`schemas/{path}` is no Protobuf schema: {problem}");
                problems.push(fault(codes::EVENT_SCHEMA, at(path, 1), problem, String::new()));
                continue;
            }
        };
        for import in imports {
            let found = folder.iter().find(|(known, _)| ***known == import.path);
            match found {
                Some((known, _)) if **known == *root => {
                    let problem = format!("this import leads back to `schemas/{root}`");
                    let help = "move what both need to a file of its own".to_owned();
                    problems.push(fault(codes::EVENT_SCHEMA, at(path, import.line), problem, help));
                }
                Some((known, _)) => open.push(known),
                None if protobuf::is_known_import(&import.path) => {}
                None => problems.push(missing(folder, path, &import)),
            }
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

fn missing(folder: &SchemaFolder, path: &str, import: &protobuf::Import) -> Diagnostic {
    let protos = || {
        let all = folder.iter().map(|(path, _)| &**path);
        all.filter(|path| EventSchemaKind::of(path) == Some(EventSchemaKind::Protobuf))
    };
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let same_name = protos().find(|known| name(known) == name(&import.path));
    let help = match same_name.or_else(|| nearest(&import.path, protos())) {
        Some(near) => format!("write `import \"{near}\";`: paths of imports begin below `schemas/`"),
        None => format!(
            "add the file `schemas/{}`: nothing outside of that folder is ever opened",
            import.path
        ),
    };
    let problem = format!("the import `{}` is no file below `schemas/`", import.path);
    fault(codes::EVENT_SCHEMA_FILE, at(path, import.line), problem, help)
}

/// A line of a schema file.
fn at(path: &str, line: u32) -> Location {
    Location {
        file: format!("schemas/{path}").into(),
        line,
        column: 1,
        pointer: "".into(),
    }
}

fn fault(code: &'static str, location: Location, problem: String, help: String) -> Diagnostic {
    Diagnostic {
        code,
        level: Level::Error,
        location,
        problem,
        help,
    }
}

// === impl Fits ===

impl Fits {
    /// Whether everything that is written as `written` of `writer` can be read as the message; worked out once.
    pub(crate) fn ask(&mut self, wanted: &ProtobufSchema, writer: &Arc<Schema>, written: MessageId) -> Result<(), Mismatch> {
        let (reader, message) = (&wanted.schema, wanted.message);
        let same = |one: &(Arc<Schema>, MessageId), schema: &Arc<Schema>, id: MessageId| Arc::ptr_eq(&one.0, schema) && one.1 == id;
        let known = self
            .kept
            .iter()
            .find(|kept| same(&kept.writer, writer, written) && same(&kept.reader, reader, message));
        if let Some(known) = known {
            return known.answer.clone();
        }
        let answer = protobuf::fits(writer, written, reader, message);
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push(Kept {
            writer: (writer.clone(), written),
            reader: (reader.clone(), message),
            answer: answer.clone(),
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(files: &[(&str, &str)], message: &str) -> Result<ProtobufSchema, Vec<String>> {
        let folder = SchemaFolder::from_texts(files.iter().copied());
        let named = Location {
            file: "a.odcs.yaml".into(),
            line: 10,
            column: 1,
            pointer: "".into(),
        };
        ProtobufSchema::compile(&folder, "shop/order.proto", message, &named).map_err(|problems| {
            let one = |one: Diagnostic| {
                format!(
                    "{} {}:{} {} | {}",
                    one.code, one.location.file, one.location.line, one.problem, one.help
                )
            };
            problems.into_iter().map(one).collect()
        })
    }

    const ORDER: &str = "syntax = \"proto3\";\npackage shop;\nimport \"shop/line.proto\";\nimport \"google/protobuf/timestamp.proto\";\n\
                         message Order { string id = 1; repeated Line lines = 2; google.protobuf.Timestamp at = 3; map<string, int32> by = 4; }\n";
    const LINE: &str = "syntax = \"proto3\";\npackage shop;\nmessage Line { int32 n = 1; }\n";

    #[test]
    fn imports_come_from_the_folder_and_are_hashed() {
        let schema = compiled(
            &[("shop/order.proto", ORDER), ("shop/line.proto", LINE), ("other.proto", "nonsense")],
            "shop.Order",
        )
        .unwrap();
        let paths: Vec<&str> = schema.files().iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["shop/line.proto", "shop/order.proto"], "what takes no part is not read");
        assert_eq!(schema.schema().full_name(schema.message()), "shop.Order");
    }

    #[test]
    fn what_is_missing_is_said_with_file_line_and_fix() {
        let refused = |files: &[(&str, &str)], message: &str| compiled(files, message).unwrap_err().join("\n");
        assert_eq!(
            refused(&[("shop/order.proto", ORDER)], "shop.Order"),
            "TG0155 schemas/shop/order.proto:3 the import `shop/line.proto` is no file below `schemas/` | add the file \
             `schemas/shop/line.proto`: nothing outside of that folder is ever opened"
        );
        let moved = refused(&[("shop/order.proto", ORDER), ("common/line.proto", LINE)], "shop.Order");
        assert!(
            moved.ends_with("write `import \"common/line.proto\";`: paths of imports begin below `schemas/`"),
            "{moved}"
        );
        for outside in [
            "/etc/passwd",
            "etc/../passwd",
            "https://example.com/a.proto",
            "file:///a.proto",
            "order.proto",
        ] {
            let text = format!("syntax = \"proto3\"; import \"{outside}\"; message M {{}}");
            let said = refused(&[("shop/order.proto", &text)], "M");
            let plain = said.starts_with("TG0155 schemas/shop/order.proto:1 ") && said.contains(outside);
            assert!(
                plain || said.starts_with("TG0205 schemas/shop/order.proto:1 ") && said.contains("no plain path"),
                "{said}"
            );
        }
        let whole = [("shop/order.proto", ORDER), ("shop/line.proto", LINE)];
        for (message, near) in [("shop.Ordr", "`shop.Order`"), ("Order", "`shop.Order`")] {
            let said = refused(&whole, message);
            assert!(said.starts_with("TG0205 a.odcs.yaml:10 ") && said.contains(near), "{said}");
        }
        for no_message in ["shop.Line", "shop.Order.ByEntry", "google.protobuf.Timestamp"] {
            assert!(refused(&whole, no_message).starts_with("TG0205 a.odcs.yaml:10 "), "{no_message}");
        }
        let broken = refused(&[("shop/order.proto", ORDER), ("shop/line.proto", "message {")], "shop.Order");
        assert!(broken.starts_with("TG0205 schemas/shop/line.proto:1 "), "{broken}");
        let circle = "syntax = \"proto3\";\nimport \"shop/order.proto\";";
        let circle = refused(&[("shop/order.proto", ORDER), ("shop/line.proto", circle)], "shop.Order");
        assert!(
            circle.starts_with("TG0205 schemas/shop/line.proto:2 this import leads back"),
            "{circle}"
        );
        let unknown = refused(&[("shop/order.proto", "syntax = \"proto3\"; message M { Nothing n = 1; }")], "M");
        assert!(unknown.starts_with("TG0205 schemas/shop/order.proto:1 "), "{unknown}");
    }

    #[test]
    fn answers_are_kept_apart_and_bounded() {
        let of = |kind: &str| {
            let text = format!("syntax = \"proto3\"; message M {{ {kind} v = 1; }} message N {{ {kind} v = 1; }}");
            compiled(&[("shop/order.proto", &text)], "M").unwrap()
        };
        let (wide, narrow) = (of("int64"), of("int32"));
        let mut fits = Fits::default();
        for _ in 0..2 {
            assert_eq!(fits.ask(&wide, &narrow.schema, narrow.message), Ok(()));
            assert_eq!(fits.ask(&narrow, &wide.schema, wide.message).unwrap_err().pointer, "/v");
            let other = wide.schema.declared("N").unwrap();
            assert_eq!(fits.ask(&wide, &wide.schema, other).unwrap_err().pointer, "", "another message");
        }
        assert_eq!(fits.kept.len(), 3);
        for _ in 0..KEPT_MAX * 2 {
            let writer = of("string");
            assert!(fits.ask(&wide, &writer.schema, writer.message).is_err());
        }
        assert_eq!(fits.kept.len(), KEPT_MAX);
    }
}
