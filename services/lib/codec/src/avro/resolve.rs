//! Whether what one schema writes can be read as another (Avro specification 1.12, "Schema Resolution").
//!
//! The question is asked of the schemas alone, before any datum: it is answered yes only if every datum of the writer can be read. So
//! all branches of a writer's union must resolve, and all symbols of a writer's enum must be the reader's unless that has a default.
//! Logical types do not take part, with the exception that the specification makes: two decimals need the same precision and scale.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// Levels that two schemas are compared down to; deeper ones, which are no real schemas, do not resolve.
const LEVELS_MAX: usize = 128;

/// What schema resolution looks at: types with their names, aliases, defaults.
#[derive(Debug)]
pub struct Shape {
    types: Vec<Type>,
    root: usize,
    /// Full name to type.
    names: HashMap<String, usize>,
}

/// Where two schemas do not resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// JSON Pointer of field names; items and entries are `*`.
    pub pointer: String,
    /// Whether it is a field that the writer does not write and that has no default.
    pub missing: bool,
}

#[derive(Debug)]
enum Type {
    Primitive(&'static str, Option<Decimal>),
    Fixed {
        names: Vec<String>,
        size: u64,
        decimal: Option<Decimal>,
    },
    Enum {
        names: Vec<String>,
        symbols: Vec<String>,
        has_default: bool,
    },
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record {
        names: Vec<String>,
        fields: Vec<Field>,
    },
    /// A name, as (full, as written); found when it is looked at, since references come in any order.
    Named(String, String),
}

/// Precision and scale.
type Decimal = (u64, u64);

#[derive(Debug)]
struct Field {
    name: String,
    aliases: Vec<String>,
    has_default: bool,
    of: usize,
}

// === impl Shape ===

impl Shape {
    /// Reads a schema that [`super::Schema::parse`] takes, with the same references.
    pub fn parse(text: &str, references: &[(&str, &str)]) -> Result<Shape, String> {
        let mut shape = Shape {
            types: Vec::new(),
            root: 0,
            names: HashMap::new(),
        };
        for (_, text) in references {
            shape.document(text)?;
        }
        shape.root = shape.document(text)?;
        Ok(shape)
    }

    /// Full names that the schema uses and neither it nor its references define, in the order in which they are used, each once.
    pub fn undefined(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for one in &self.types {
            if let Type::Named(full, written) = one
                && !self.names.contains_key(full)
                && !self.names.contains_key(written)
                && !found.contains(&full.as_str())
            {
                found.push(full);
            }
        }
        found
    }

    fn document(&mut self, text: &str) -> Result<usize, String> {
        // Registries hand out a primitive without quotes, too.
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.trim().to_owned()));
        self.read(&value, "")
    }

    fn push(&mut self, one: Type) -> usize {
        self.types.push(one);
        self.types.len() - 1
    }

    fn read(&mut self, value: &Value, namespace: &str) -> Result<usize, String> {
        match value {
            Value::String(name) => Ok(self.named(name, namespace, None)),
            Value::Array(branches) => {
                let branches = branches
                    .iter()
                    .map(|branch| self.read(branch, namespace))
                    .collect::<Result<_, _>>()?;
                Ok(self.push(Type::Union(branches)))
            }
            Value::Object(object) => self.object(object, namespace),
            _ => Err("a schema is a name, a list or an object".to_owned()),
        }
    }

    fn named(&mut self, name: &str, namespace: &str, decimal: Option<Decimal>) -> usize {
        match primitive(name) {
            Some(primitive) => self.push(Type::Primitive(primitive, decimal)),
            None => self.push(Type::Named(full_name(name, namespace), name.to_owned())),
        }
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<usize, String> {
        let part = |name: &str| object.get(name).ok_or_else(|| format!("no `{name}`"));
        let kind = match object.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(inner) => return self.read(inner, namespace),
            None => return Err("a schema object without a type".to_owned()),
        };
        match kind {
            "array" => {
                let item = self.read(part("items")?, namespace)?;
                Ok(self.push(Type::Array(item)))
            }
            "map" => {
                let value = self.read(part("values")?, namespace)?;
                Ok(self.push(Type::Map(value)))
            }
            "record" | "error" | "enum" | "fixed" => self.definition(kind, object, namespace),
            name => Ok(self.named(name, namespace, decimal(object))),
        }
    }

    fn definition(&mut self, kind: &str, object: &Map<String, Value>, namespace: &str) -> Result<usize, String> {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let name = text("name").ok_or("a named type without a name")?;
        let full = full_name(name, text("namespace").unwrap_or(namespace));
        let own = full.rsplit_once('.').map_or("", |(own, _)| own).to_owned();
        let mut names = vec![full.clone()];
        names.extend(texts(object.get("aliases")).map(|alias| full_name(alias, &own)));
        let at = self.push(Type::Primitive("null", None));
        self.names.insert(full, at);
        self.types[at] = match kind {
            "enum" => Type::Enum {
                names,
                symbols: texts(object.get("symbols")).map(str::to_owned).collect(),
                has_default: text("default").is_some(),
            },
            "fixed" => Type::Fixed {
                names,
                size: object.get("size").and_then(Value::as_u64).ok_or("a fixed type without a size")?,
                decimal: decimal(object),
            },
            _ => {
                let mut fields = Vec::new();
                for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                    let of = self.read(field.get("type").ok_or("a field without a type")?, &own)?;
                    fields.push(Field {
                        name: field
                            .get("name")
                            .and_then(Value::as_str)
                            .ok_or("a field without a name")?
                            .to_owned(),
                        aliases: texts(field.get("aliases")).map(str::to_owned).collect(),
                        has_default: field.get("default").is_some(),
                        of,
                    });
                }
                Type::Record { names, fields }
            }
        };
        Ok(at)
    }

    /// Follows a name; none for one that is not defined.
    fn get(&self, at: usize) -> Option<(usize, &Type)> {
        match &self.types[at] {
            Type::Named(full, written) => {
                let at = *self.names.get(full).or_else(|| self.names.get(written))?;
                Some((at, &self.types[at]))
            }
            other => Some((at, other)),
        }
    }
}

/// Whether every datum of `writer` can be read as `reader`.
pub fn resolves(writer: &Shape, reader: &Shape) -> Result<(), Mismatch> {
    let mut resolution = Resolution {
        writer,
        reader,
        assumed: HashSet::new(),
        path: Vec::new(),
        wrong: None,
    };
    if resolution.pair(writer.root, reader.root) {
        return Ok(());
    }
    Err(resolution.wrong.unwrap_or(Mismatch {
        pointer: String::new(),
        missing: false,
    }))
}

struct Resolution<'s> {
    writer: &'s Shape,
    reader: &'s Shape,
    /// Pairs that are being compared or did resolve: types that hold themselves are compared once.
    assumed: HashSet<(usize, usize)>,
    path: Vec<&'s str>,
    /// The first place outside of unions that does not resolve.
    wrong: Option<Mismatch>,
}

// === impl Resolution ===

impl<'s> Resolution<'s> {
    fn pair(&mut self, writer: usize, reader: usize) -> bool {
        let (Some((writer_at, writer)), Some((reader_at, reader))) = (self.writer.get(writer), self.reader.get(reader)) else {
            return self.no(false);
        };
        if self.path.len() > LEVELS_MAX {
            return self.no(false);
        }
        if !self.assumed.insert((writer_at, reader_at)) {
            return true;
        }
        let fits = self.types(writer, reader, writer_at, reader_at);
        if !fits {
            self.assumed.remove(&(writer_at, reader_at));
        }
        fits
    }

    fn types(&mut self, writer: &'s Type, reader: &'s Type, writer_at: usize, reader_at: usize) -> bool {
        match (writer, reader) {
            (Type::Union(branches), _) => {
                let all = branches.iter().all(|branch| self.pair_of_union(*branch, reader_at, reader));
                all || self.no(false)
            }
            (_, Type::Union(_)) => self.pair_of_union(writer_at, reader_at, reader) || self.no(false),
            (Type::Primitive(writer, one), Type::Primitive(reader, other)) => {
                (promotes(writer, reader) && agree(*one, *other)) || self.no(false)
            }
            (
                Type::Fixed { names, size, decimal },
                Type::Fixed {
                    names: wanted,
                    size: wanted_size,
                    decimal: other,
                },
            ) => (size == wanted_size && share_name(names, wanted) && agree(*decimal, *other)) || self.no(false),
            (
                Type::Enum { names, symbols, .. },
                Type::Enum {
                    names: wanted,
                    symbols: known,
                    has_default,
                },
            ) => {
                let all = *has_default || symbols.iter().all(|symbol| known.contains(symbol));
                (share_name(names, wanted) && all) || self.no(false)
            }
            (Type::Array(writer), Type::Array(reader)) | (Type::Map(writer), Type::Map(reader)) => self.step("*", *writer, *reader),
            (
                Type::Record { names, fields },
                Type::Record {
                    names: wanted,
                    fields: read,
                },
            ) => {
                if !share_name(names, wanted) {
                    return self.no(false);
                }
                read.iter().all(|field| match written(fields, field) {
                    Some(found) => self.step(&field.name, found.of, field.of),
                    None if field.has_default => true,
                    None => {
                        self.path.push(&field.name);
                        let no = self.no(true);
                        self.path.pop();
                        no
                    }
                })
            }
            _ => self.no(false),
        }
    }

    /// One branch of the writer against all that the reader has; what did not fit in one of them is not what is wrong.
    fn pair_of_union(&mut self, writer: usize, reader_at: usize, reader: &'s Type) -> bool {
        let Type::Union(branches) = reader else {
            return self.pair(writer, reader_at);
        };
        let before = self.wrong.take();
        let fits = branches.iter().any(|branch| self.pair(writer, *branch));
        self.wrong = before;
        fits
    }

    fn step(&mut self, name: &'s str, writer: usize, reader: usize) -> bool {
        self.path.push(name);
        let fits = self.pair(writer, reader);
        self.path.pop();
        fits
    }

    fn no(&mut self, missing: bool) -> bool {
        let path = &self.path;
        self.wrong.get_or_insert_with(|| Mismatch {
            pointer: path.iter().map(|name| format!("/{name}")).collect(),
            missing,
        });
        false
    }
}

fn primitive(name: &str) -> Option<&'static str> {
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
        .into_iter()
        .find(|primitive| *primitive == name)
}

fn promotes(writer: &str, reader: &str) -> bool {
    writer == reader
        || matches!(
            (writer, reader),
            ("int", "long" | "float" | "double")
                | ("long", "float" | "double")
                | ("float", "double")
                | ("string", "bytes")
                | ("bytes", "string")
        )
}

fn agree(writer: Option<Decimal>, reader: Option<Decimal>) -> bool {
    match (writer, reader) {
        (Some(writer), Some(reader)) => writer == reader,
        _ => true,
    }
}

/// Unqualified names match, or the writer's name is an alias of the reader's.
fn share_name(writer: &[String], reader: &[String]) -> bool {
    let bare = |name: &str| name.rsplit('.').next().map(str::to_owned);
    bare(&writer[0]) == bare(&reader[0]) || reader[1..].contains(&writer[0])
}

fn written<'f>(fields: &'f [Field], wanted: &Field) -> Option<&'f Field> {
    let by_name = fields.iter().find(|field| field.name == wanted.name);
    by_name.or_else(|| fields.iter().find(|field| wanted.aliases.contains(&field.name)))
}

fn decimal(object: &Map<String, Value>) -> Option<Decimal> {
    let is_decimal = object.get("logicalType").and_then(Value::as_str) == Some("decimal");
    let scale = object.get("scale").map_or(Some(0), Value::as_u64);
    is_decimal.then_some(())?;
    Some((object.get("precision")?.as_u64()?, scale?))
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.trim_start_matches('.').to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        super::super::Schema::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
        Shape::parse(text, &[]).unwrap()
    }

    fn check(writer: &str, reader: &str) -> Result<(), String> {
        resolves(&shape(writer), &shape(reader)).map_err(|wrong| wrong.pointer)
    }

    fn record(fields: &str) -> String {
        format!(r#"{{"type":"record","name":"R","namespace":"a","fields":[{fields}]}}"#)
    }

    /// Every promotion of the specification, and no other.
    #[test]
    fn primitives() {
        let all = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
        let allowed = [
            ("int", "long"),
            ("int", "float"),
            ("int", "double"),
            ("long", "float"),
            ("long", "double"),
            ("float", "double"),
            ("string", "bytes"),
            ("bytes", "string"),
        ];
        for writer in all {
            for reader in all {
                let wanted = writer == reader || allowed.contains(&(writer, reader));
                let found = check(&format!("{writer:?}"), &format!("{reader:?}")).is_ok();
                assert_eq!(found, wanted, "{writer} to {reader}");
            }
        }
    }

    #[test]
    fn named_types() {
        let fixed = |name: &str, size: u32, more: &str| format!(r#"{{"type":"fixed","name":"{name}","size":{size}{more}}}"#);
        assert!(check(&fixed("x.F", 4, ""), &fixed("y.F", 4, "")).is_ok(), "unqualified names match");
        assert!(check(&fixed("F", 4, ""), &fixed("F", 5, "")).is_err());
        assert!(check(&fixed("F", 4, ""), &fixed("G", 4, "")).is_err());
        assert!(check(&fixed("x.F", 4, ""), &fixed("y.G", 4, r#","aliases":["x.F"]"#)).is_ok());
        let listed = |symbols: &str, more: &str| format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]{more}}}"#);
        assert!(check(&listed(r#""A""#, ""), &listed(r#""B","A""#, "")).is_ok());
        assert!(check(&listed(r#""A","C""#, ""), &listed(r#""B","A""#, "")).is_err());
        assert!(check(&listed(r#""A","C""#, ""), &listed(r#""B","A""#, r#","default":"B""#)).is_ok());
    }

    #[test]
    fn records_by_field() {
        let name = r#"{"name":"n","type":"string"}"#;
        let age = r#"{"name":"age","type":"int"}"#;
        assert!(
            check(&record(&format!("{age},{name}")), &record(name)).is_ok(),
            "a field more is passed over"
        );
        assert_eq!(check(&record(age), &record(name)), Err("/n".to_owned()));
        assert!(resolves(&shape(&record(age)), &shape(&record(name))).unwrap_err().missing);
        assert!(check(&record(age), &record(r#"{"name":"n","type":"string","default":""}"#)).is_ok());
        assert!(check(&record(age), &record(r#"{"name":"years","aliases":["age"],"type":"long"}"#)).is_ok());
        assert_eq!(check(&record(name), &record(r#"{"name":"n","type":"long"}"#)), Err("/n".to_owned()));
        let deep = |of: &str| {
            record(&format!(
                r#"{{"name":"l","type":{{"type":"array","items":{{"type":"map","values":"{of}"}}}}}}"#
            ))
        };
        assert!(check(&deep("int"), &deep("long")).is_ok());
        assert_eq!(check(&deep("long"), &deep("int")), Err("/l/*/*".to_owned()));
        assert!(check(&record(name), &record(name).replace("\"R\"", "\"S\"")).is_err());
    }

    #[test]
    fn unions_of_either_side() {
        assert!(check(r#"["null","int"]"#, r#"["long","null"]"#).is_ok());
        assert!(check(r#""int""#, r#"["null","long"]"#).is_ok());
        assert!(check(r#"["null","string"]"#, r#"["null","long"]"#).is_err());
        assert!(check(r#"["int","long"]"#, r#""long""#).is_ok());
        assert!(check(r#"["null","long"]"#, r#""long""#).is_err(), "a null could not be read");
        let field = |of: &str| record(&format!(r#"{{"name":"v","type":{of}}}"#));
        assert_eq!(
            check(&field(r#"["null","string"]"#), &field(r#"["null","int"]"#)),
            Err("/v".to_owned())
        );
    }

    #[test]
    fn decimals_agree_and_other_logical_types_do_not_take_part() {
        let bytes = |scale: u32| format!(r#"{{"type":"bytes","logicalType":"decimal","precision":9,"scale":{scale}}}"#);
        assert!(check(&bytes(2), &bytes(2)).is_ok());
        assert!(check(&bytes(2), &bytes(3)).is_err());
        assert!(check(&bytes(2), "\"bytes\"").is_ok());
        assert!(check("\"long\"", r#"{"type":"long","logicalType":"timestamp-millis"}"#).is_ok());
    }

    #[test]
    fn types_that_hold_themselves() {
        let list = |value: &str| {
            format!(r#"{{"type":"record","name":"L","fields":[{{"name":"v","type":"{value}"}},{{"name":"next","type":["null","L"]}}]}}"#)
        };
        assert!(check(&list("int"), &list("long")).is_ok());
        assert_eq!(check(&list("long"), &list("int")), Err("/v".to_owned()));
    }

    #[test]
    fn names_of_references_are_found() {
        let inner = r#"{"type":"record","name":"I","namespace":"x","fields":[{"name":"v","type":"int"}]}"#;
        let outer = r#"{"type":"record","name":"R","namespace":"x","fields":[{"name":"i","type":"I"}]}"#;
        let whole = outer.replace("\"I\"", inner);
        let split = Shape::parse(outer, &[("x.I", inner)]).unwrap();
        assert_eq!(resolves(&split, &shape(&whole)), Ok(()));
        assert_eq!(resolves(&shape(&whole), &split), Ok(()));
        let lost = Shape::parse(outer, &[]).unwrap();
        assert!(resolves(&lost, &shape(&whole)).is_err(), "an unknown name never resolves");
    }
}
