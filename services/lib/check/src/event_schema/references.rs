//! What a schema file refers to in other files below `schemas/`.
//!
//! Avro names types: one that a file does not define is that of the file which defines it at its top; of several the nearest counts, in the
//! same folder, then in each folder above, then anywhere. Protobuf imports paths. JSON Schema refers by address: a path relative to the file,
//! or the `$id` of a file. Copies of what was registered once are never meant.

use std::sync::Arc;

use tidegate_codec::avro::{self, Shape};
use tidegate_codec::protobuf;
use tidegate_contract::event_schema::REGISTERED;
use tidegate_contract::{EventSchemaKind, SchemaFolder};

/// References that are followed one behind the other.
const DEPTH_MAX: usize = 32;
/// Files that one schema may refer to, directly or not.
pub(super) const FILES_MAX: usize = 200;

/// A file that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is called there: the full name of the type, the path that is imported, the address without its fragment.
    pub name: String,
    /// The file, as a path below `schemas/`.
    pub path: Arc<str>,
}

/// A file that takes part.
#[derive(Debug, Clone)]
pub(super) struct Gathered<'f> {
    pub(super) name: String,
    pub(super) path: Arc<str>,
    pub(super) text: &'f str,
}

/// Why the references of a file cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The file, as a path below `schemas/`.
    pub path: Arc<str>,
    /// What is named there and is nowhere, if it is that.
    pub name: Option<String>,
    /// One sentence.
    pub problem: String,
    /// What to do about it.
    pub help: String,
}

/// What a client must fetch beside the file at `path` to read it, in the order in which it is named, each once: for Avro and Protobuf the
/// files that it names itself (each of them has references of its own), for JSON Schema those behind them, too, under the addresses that they
/// have from where this file lies.
///
/// # Errors
///
/// The first thing that leads nowhere.
pub fn references(folder: &SchemaFolder, kind: EventSchemaKind, path: &str) -> Result<Vec<Reference>, Unresolved> {
    match kind {
        EventSchemaKind::Avro => of_avro(folder, path),
        EventSchemaKind::Protobuf => of_protobuf(folder, path),
        #[cfg(feature = "json-schema")]
        EventSchemaKind::JsonSchema => super::json::references(folder, path),
        #[cfg(not(feature = "json-schema"))]
        EventSchemaKind::JsonSchema => Ok(Vec::new()),
    }
}

/// Everything that the Avro file at `path` refers to, directly or not, what is referred to first. One name is one file for all of them.
pub(super) fn gather_avro<'f>(folder: &'f SchemaFolder, path: &str) -> Result<Vec<Gathered<'f>>, Unresolved> {
    let mut gathered = Vec::new();
    follow(folder, path, &mut vec![path.into()], &mut gathered)?;
    Ok(gathered)
}

fn follow<'f>(folder: &'f SchemaFolder, path: &str, open: &mut Vec<Arc<str>>, gathered: &mut Vec<Gathered<'f>>) -> Result<(), Unresolved> {
    for reference in of_avro(folder, path)? {
        let known = gathered.iter().find(|known| known.name == reference.name);
        if known.is_some_and(|known| known.path == reference.path) {
            continue;
        }
        let refused = |problem: String, help: &str| {
            Err(Unresolved {
                path: path.into(),
                name: Some(reference.name.clone()),
                problem,
                help: help.to_owned(),
            })
        };
        if let Some(known) = known {
            let problem = format!(
                "the type `{}` is that of `schemas/{}` here and that of `schemas/{}` in another file that takes part",
                reference.name, reference.path, known.path
            );
            return refused(problem, "keep one of the two files, or give one of the types another name");
        }
        if open.contains(&reference.path) {
            let problem = format!("the type `{}` leads back to `schemas/{}`", reference.name, reference.path);
            return refused(problem, "define types that need each other in one file");
        }
        if open.len() == DEPTH_MAX || gathered.len() == FILES_MAX {
            let problem = format!("more than {FILES_MAX} files take part, or more than {DEPTH_MAX} one behind the other");
            return refused(problem, "define types that belong together in one file");
        }
        open.push(reference.path.clone());
        follow(folder, &reference.path, open, gathered)?;
        open.pop();
        let text = folder.get(&reference.path).expect("its path comes from the folder");
        gathered.push(Gathered {
            name: reference.name,
            path: reference.path,
            text,
        });
    }
    Ok(())
}

fn of_avro(folder: &SchemaFolder, path: &str) -> Result<Vec<Reference>, Unresolved> {
    let unreadable = |problem: String| Unresolved {
        path: path.into(),
        name: None,
        problem: format!("`schemas/{path}` is no Avro schema: {problem}"),
        help: String::new(),
    };
    let text = folder.get(path).ok_or_else(|| unreadable("it is not there".to_owned()))?;
    let shape = Shape::parse(text, &[]).map_err(unreadable)?;
    let mut found = Vec::new();
    // A name without a namespace in a namespace is none for other libraries, so no file outside of it is meant.
    for name in shape.undefined() {
        let path = definition(folder, path, name)?.ok_or_else(|| undefined(path, name))?;
        let reference = Reference {
            name: name.to_owned(),
            path,
        };
        if !found.contains(&reference) {
            found.push(reference);
        }
    }
    Ok(found)
}

fn undefined(path: &str, name: &str) -> Unresolved {
    let (_, simple) = name.rsplit_once('.').unwrap_or(("", name));
    Unresolved {
        path: path.into(),
        name: Some(name.to_owned()),
        problem: format!("the type `{name}` is not defined, neither in this file nor at the top of another one below `schemas/`"),
        help: format!("define it here, or in a file such as `schemas/{}.avsc`", beside(path, simple)),
    }
}

/// A path in the same folder.
fn beside(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{}", name.to_ascii_lowercase()),
        None => name.to_ascii_lowercase(),
    }
}

/// The nearest file that defines a type at its top.
fn definition(folder: &SchemaFolder, from: &str, name: &str) -> Result<Option<Arc<str>>, Unresolved> {
    let simple = name.rsplit_once('.').map_or(name, |(_, simple)| simple);
    let defines = |(path, text): &(&Arc<str>, &Arc<str>)| {
        EventSchemaKind::of(path) == Some(EventSchemaKind::Avro)
            && !path.starts_with(REGISTERED)
            && ***path != *from
            // Most files are told without being parsed.
            && text.contains(simple)
            && avro::defined_name(text).as_deref() == Some(name)
    };
    let found: Vec<&Arc<str>> = folder.iter().filter(defines).map(|(path, _)| path).collect();
    let mut above = from.rsplit_once('/').map_or("", |(above, _)| above);
    loop {
        let here: Vec<&Arc<str>> = found
            .iter()
            .copied()
            .filter(|path| path.rsplit_once('/').map_or("", |(above, _)| above) == above)
            .collect();
        if !here.is_empty() {
            return the_one(&here, from, name);
        }
        match above.rsplit_once('/') {
            Some((up, _)) => above = up,
            None if above.is_empty() => return the_one(&found, from, name),
            None => above = "",
        }
    }
}

fn the_one(found: &[&Arc<str>], from: &str, name: &str) -> Result<Option<Arc<str>>, Unresolved> {
    match found {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        [one, other, ..] => Err(Unresolved {
            path: from.into(),
            name: Some(name.to_owned()),
            problem: format!("the type `{name}` is defined in `schemas/{one}` and in `schemas/{other}`"),
            help: "put the one that is meant into the folder of this file, or give it a name of its own".to_owned(),
        }),
    }
}

fn of_protobuf(folder: &SchemaFolder, path: &str) -> Result<Vec<Reference>, Unresolved> {
    let unreadable = |problem: String| Unresolved {
        path: path.into(),
        name: None,
        problem: format!("`schemas/{path}` is no Protobuf schema: {problem}"),
        help: String::new(),
    };
    let text = folder.get(path).ok_or_else(|| unreadable("it is not there".to_owned()))?;
    let mut found: Vec<Reference> = Vec::new();
    for import in protobuf::imports(text).map_err(unreadable)? {
        match folder.iter().find(|(known, _)| ***known == import.path) {
            Some((known, _)) if found.iter().all(|other| other.path != *known) => found.push(Reference {
                name: import.path,
                path: known.clone(),
            }),
            Some(_) => {}
            None if protobuf::is_known_import(&import.path) => {}
            None => {
                return Err(Unresolved {
                    path: path.into(),
                    problem: format!("the import `{}` is no file below `schemas/`", import.path),
                    name: Some(import.path),
                    help: "paths of imports begin below `schemas/`".to_owned(),
                });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(folder: &SchemaFolder, kind: EventSchemaKind, path: &str) -> Result<String, String> {
        let shown = |one: Reference| format!("{}={}", one.name, one.path);
        references(folder, kind, path)
            .map(|found| found.into_iter().map(shown).collect::<Vec<_>>().join(" "))
            .map_err(|unresolved| format!("{}: {} ({})", unresolved.path, unresolved.problem, unresolved.help))
    }

    fn record(name: &str, fields: &str) -> String {
        format!(r#"{{"type":"record","name":"{name}","namespace":"shop","fields":[{fields}]}}"#)
    }

    #[test]
    fn a_type_is_that_of_the_nearest_file() {
        let order = record(
            "Order",
            r#"{"name":"to","type":["null","Address"]},{"name":"from","type":"shop.Address"},{"name":"in","type":"geo.Country"}"#,
        );
        let address = record("Address", "");
        let country = r#"{"type":"enum","name":"geo.Country","symbols":["IS"]}"#;
        let avro = |files: &[(&str, &str)]| {
            let folder = SchemaFolder::from_texts(
                files
                    .iter()
                    .copied()
                    .chain([("a/b/order.avsc", order.as_str()), ("x/y/c.avsc", country)]),
            );
            named(&folder, EventSchemaKind::Avro, "a/b/order.avsc")
        };
        let found = |path: &str| Ok(format!("shop.Address={path} geo.Country=x/y/c.avsc"));
        assert_eq!(
            avro(&[("z.avsc", &address), ("a/b/z.avsc", &address), ("a/z.avsc", &address)]),
            found("a/b/z.avsc")
        );
        assert_eq!(
            avro(&[("z.avsc", &address), ("a/z.avsc", &address), ("a/c/z.avsc", &address)]),
            found("a/z.avsc")
        );
        assert_eq!(avro(&[("c/z.avsc", &address)]), found("c/z.avsc"));
        // A copy of what was registered once is nobody's type.
        assert_eq!(avro(&[("c/z.avsc", &address), ("registered/7.avsc", &address)]), found("c/z.avsc"));
        let said = avro(&[("c/z.avsc", &address), ("d/z.avsc", &address)]).unwrap_err();
        assert!(said.contains("`schemas/c/z.avsc` and in `schemas/d/z.avsc`"), "{said}");
        let said = avro(&[("registered/7.avsc", &address)]).unwrap_err();
        assert!(
            said.contains("`shop.Address` is not defined") && said.contains("schemas/a/b/address.avsc"),
            "{said}"
        );
    }

    #[test]
    fn one_name_is_one_type_for_all_files_that_take_part() {
        let order = record("Order", r#"{"name":"to","type":"Address"},{"name":"by","type":"Parcel"}"#);
        let parcel = record("Parcel", r#"{"name":"to","type":"Address"}"#);
        let address = record("Address", "");
        let files = [
            ("a/order.avsc", order.as_str()),
            ("b/parcel.avsc", &parcel),
            ("b/address.avsc", &address),
        ];
        let folder = SchemaFolder::from_texts(files);
        assert_eq!(gather_avro(&folder, "a/order.avsc").unwrap().len(), 2);
        let folder = SchemaFolder::from_texts(files.into_iter().chain([("a/address.avsc", address.as_str())]));
        let said = gather_avro(&folder, "a/order.avsc").unwrap_err();
        assert!(
            said.problem
                .contains("`schemas/b/address.avsc` here and that of `schemas/a/address.avsc`"),
            "{said:?}"
        );
        assert_eq!(&*said.path, "b/parcel.avsc");
        // A name that stands in a namespace is of that namespace.
        let bare = r#"{"type":"record","name":"Address","fields":[]}"#;
        let folder = SchemaFolder::from_texts([("order.avsc", parcel.as_str()), ("address.avsc", bare)]);
        assert!(
            gather_avro(&folder, "order.avsc")
                .unwrap_err()
                .problem
                .contains("`shop.Address` is not defined")
        );
    }

    #[test]
    fn types_that_need_each_other_stand_in_one_file() {
        let (one, other) = (
            record("One", r#"{"name":"o","type":"Other"}"#),
            record("Other", r#"{"name":"o","type":["null","One"]}"#),
        );
        let folder = SchemaFolder::from_texts([("one.avsc", one.as_str()), ("other.avsc", other.as_str())]);
        assert!(
            gather_avro(&folder, "one.avsc")
                .unwrap_err()
                .problem
                .contains("leads back to `schemas/one.avsc`")
        );
        let below = record("Deep", r#"{"name":"o","type":"One"}"#);
        let folder = SchemaFolder::from_texts([
            ("d.avsc", below.as_str()),
            ("one.avsc", one.as_str()),
            ("other.avsc", other.as_str()),
        ]);
        assert!(
            gather_avro(&folder, "d.avsc").unwrap_err().problem.contains("leads back"),
            "a circle further down"
        );
    }

    #[test]
    fn imports_are_paths_and_what_comes_with_the_compiler_is_none() {
        let order = "syntax = \"proto3\"; import \"shop/line.proto\"; import public \"shop/line.proto\"; import \"google/protobuf/timestamp.proto\"; message A {}";
        let folder = SchemaFolder::from_texts([("o.proto", order), ("shop/line.proto", "syntax = \"proto3\";")]);
        assert_eq!(
            named(&folder, EventSchemaKind::Protobuf, "o.proto").unwrap(),
            "shop/line.proto=shop/line.proto"
        );
        let folder = SchemaFolder::from_texts([("o.proto", order)]);
        assert!(named(&folder, EventSchemaKind::Protobuf, "o.proto").is_err());
    }

    #[cfg(feature = "json-schema")]
    #[test]
    fn addresses_are_those_that_a_client_resolves() {
        let json = |files: &[(&str, &str)]| {
            named(
                &SchemaFolder::from_texts(files.iter().copied()),
                EventSchemaKind::JsonSchema,
                "shop/order.json",
            )
        };
        let order = r##"{"$defs":{"a":{}},"properties":{"m":{"$ref":"../common/money.json#/$defs/m"},"a":{"$ref":"#/$defs/a"},"s":{"$ref":"./side.json"}}}"##;
        let files = [
            ("shop/order.json", order),
            ("shop/side.json", r#"{"enum":[{"$ref":"nowhere.json"}]}"#),
            ("common/money.json", r#"{"$defs":{"m":{"items":{"$ref":"currency.json"}}}}"#),
            ("common/currency.json", r##"{"$ref":"../shop/side.json#"}"##),
        ];
        assert_eq!(
            json(&files).unwrap(),
            "../common/money.json=common/money.json ./side.json=shop/side.json common/currency.json=common/currency.json \
             ../common/currency.json=common/currency.json shop/side.json=shop/side.json side.json=shop/side.json"
        );
        // With an `$id` names are whole, and a part of the same document is no file.
        let order =
            r#"{"$id":"https://e.com/shop/order.json","$defs":{"p":{"$id":"part"}},"allOf":[{"$ref":"money.json"},{"$ref":"part"}]}"#;
        let money = r#"{"$id":"https://e.com/shop/money.json"}"#;
        assert_eq!(
            json(&[("shop/order.json", order), ("m.json", money), ("registered/1.json", money)]).unwrap(),
            "https://e.com/shop/money.json=m.json"
        );
        assert!(
            json(&[("shop/order.json", order)])
                .unwrap_err()
                .contains("https://e.com/shop/money.json")
        );
    }
}
