//! Which files a JSON Schema refers to, and what clients call them.
//!
//! Clients of registries look for a document by the address that a reference has when it is resolved: against the `$id` of the schema, or
//! against nothing, so that a relative one stays as it is written.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jsonschema::{Uri, uri};
use serde_json::Value;
use tidegate_contract::SchemaFolder;

use super::files::{self, BASE};
use super::parse;
use crate::event_schema::references::{FILES_MAX, Reference, Unresolved};

/// Values in these places are no schemas.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// A reference that leads out of its document.
struct Outward<'d> {
    written: &'d str,
    target: String,
}

/// Every file that takes part beside the one at `path`, under the address that it has from there.
pub(in crate::event_schema) fn references(folder: &SchemaFolder, path: &str) -> Result<Vec<Reference>, Unresolved> {
    let mut found: Vec<Reference> = Vec::new();
    let mut open: VecDeque<(Arc<str>, String)> = VecDeque::from([(Arc::from(path), format!("{BASE}{path}"))]);
    let mut seen: BTreeSet<Arc<str>> = BTreeSet::from([Arc::from(path)]);
    let mut ids = None;
    while let Some((here, address)) = open.pop_front() {
        let problem = |problem: String, name: Option<String>| Unresolved {
            path: here.clone(),
            name,
            problem,
            help: "references lead to files below `schemas/`, by path or by `$id`".to_owned(),
        };
        let text = folder.get(&here).ok_or_else(|| problem("it is not there".to_owned(), None))?;
        let document = parse(&here, text).map_err(|fault| problem(fault.to_string(), None))?;
        for outward in outwards(&document, &address) {
            let Some(file) = files::path_of(folder, BASE, &outward.target, &mut ids) else {
                let sentence = format!("the reference `{}` ({}) leads to no file", outward.written, outward.target);
                return Err(problem(sentence, Some(outward.written.to_owned())));
            };
            // As it is written where that is what a client resolves, else as it lies from the first file.
            let name = match relative(path, &outward.target) {
                Some(_) if *here == *path && resolves_to(&address, &outward) => {
                    outward.written.split('#').next().unwrap_or_default().to_owned()
                }
                Some(relative) => relative,
                None => outward.target.clone(),
            };
            match found.iter().find(|known| known.name == name) {
                _ if *file == *path => {}
                None => found.push(Reference { name, path: file.clone() }),
                Some(known) if known.path == file => {}
                Some(known) => {
                    let sentence = format!(
                        "`{name}` means `schemas/{}` in one place and `schemas/{file}` in another",
                        known.path
                    );
                    return Err(problem(sentence, Some(name)));
                }
            }
            if found.len() > FILES_MAX {
                return Err(problem(format!("more than {FILES_MAX} files take part"), None));
            }
            if seen.insert(file.clone()) {
                open.push_back((file, outward.target));
            }
        }
    }
    Ok(found)
}

/// References of a document that lead out of it, in the order of the document, resolved; without those to known drafts.
fn outwards<'d>(document: &'d Value, address: &str) -> Vec<Outward<'d>> {
    let mut resources = BTreeSet::from([bare(address).to_owned()]);
    let mut all = Vec::new();
    let is_draft_4 = document["$schema"].as_str().is_some_and(|named| named.contains("draft-04"));
    collect(document, address, if is_draft_4 { "id" } else { "$id" }, &mut resources, &mut all);
    let is_outward = |outward: &Outward<'_>| !resources.contains(&outward.target) && super::known_draft(&outward.target).is_none();
    all.retain(is_outward);
    all
}

/// `id` is the keyword by which a schema says its own address.
fn collect<'d>(value: &'d Value, base: &str, id: &str, resources: &mut BTreeSet<String>, all: &mut Vec<Outward<'d>>) {
    match value {
        Value::Object(entries) => {
            let named = entries.get(id).and_then(Value::as_str).filter(|named| !named.starts_with('#'));
            let own = named.and_then(|named| resolved(base, named));
            if let Some(own) = &own {
                resources.insert(bare(own).to_owned());
            }
            let base = own.as_deref().unwrap_or(base);
            for (key, value) in entries {
                match value {
                    Value::String(written) if matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") => {
                        if let Some(target) = resolved(base, written) {
                            all.push(Outward {
                                written,
                                target: bare(&target).to_owned(),
                            });
                        }
                    }
                    _ if DATA.contains(&key.as_str()) => {}
                    value => collect(value, base, id, resources, all),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, base, id, resources, all)),
        _ => {}
    }
}

/// RFC 3986, section 5; what is no reference there is refused where the schema is compiled.
fn resolved(base: &str, reference: &str) -> Option<String> {
    let base: Uri<&str> = Uri::parse(base).ok()?;
    Some(uri::resolve_against(&base, reference).ok()?.as_str().to_owned())
}

/// Whether a client that resolves the reference as it is written against the address of the document comes to the same place.
fn resolves_to(address: &str, outward: &Outward<'_>) -> bool {
    resolved(address, outward.written).is_some_and(|target| bare(&target) == outward.target)
}

fn bare(address: &str) -> &str {
    address.split('#').next().unwrap_or_default()
}

/// How a file of the folder is named from where another one lies; none for an address elsewhere.
fn relative(from: &str, address: &str) -> Option<String> {
    let target: Vec<&str> = address.strip_prefix(BASE)?.split('/').collect();
    let mut here: Vec<&str> = from.split('/').collect();
    here.pop();
    let common = here
        .iter()
        .zip(&target[..target.len() - 1])
        .take_while(|(one, other)| one == other)
        .count();
    let mut steps = vec![".."; here.len() - common];
    steps.extend(&target[common..]);
    Some(steps.join("/"))
}
