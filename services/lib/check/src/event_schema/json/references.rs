//! Which files a JSON Schema refers to, and what clients call them.
//!
//! Clients of registries look for a document by the address that a reference has when they resolve it: against the `$id` of the schema, or
//! against nothing, so that a relative one stays as it is written. Behind a first relative address they differ: some keep `..` at its front
//! (RFC 3986 knows no relative base), some drop it, as Python's `urljoin` does. So a file may have two names.

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

/// Where a document lies: below [`BASE`], and for a client that began with nothing.
#[derive(Debug, Clone)]
struct Address {
    ours: String,
    client: String,
}

/// A reference that leads out of its document; both addresses are without a fragment.
struct Outward<'d> {
    written: &'d str,
    target: Address,
}

/// Every file that takes part beside the one at `path`, under the addresses that it has from there.
pub(in crate::event_schema) fn references(folder: &SchemaFolder, path: &str) -> Result<Vec<Reference>, Unresolved> {
    let mut found: Vec<Reference> = Vec::new();
    let first = Address {
        ours: format!("{BASE}{path}"),
        client: String::new(),
    };
    let mut open: VecDeque<(Arc<str>, Address)> = VecDeque::from([(Arc::from(path), first)]);
    let mut seen: BTreeSet<(Arc<str>, String)> = BTreeSet::from([(Arc::from(path), String::new())]);
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
        for Outward { written, target } in outwards(&document, &address) {
            let Some(file) = files::path_of(folder, BASE, &target.ours, &mut ids) else {
                let sentence = format!("the reference `{written}` ({}) leads to no file", target.ours);
                return Err(problem(sentence, Some(written.to_owned())));
            };
            if *file == *path {
                continue;
            }
            let mut names = vec![target.client.clone()];
            if *here != *path
                && let Some(relative) = relative(path, &target.ours)
                && relative != target.client
            {
                names.push(relative);
            }
            for name in names {
                match found.iter().find(|known| known.name == name) {
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
            }
            // A file may have two names.
            if found.len() > 2 * FILES_MAX {
                return Err(problem(format!("more than {FILES_MAX} files take part"), None));
            }
            if seen.insert((file.clone(), target.client.clone())) {
                open.push_back((file, target));
            }
        }
    }
    Ok(found)
}

/// References of a document that lead out of it, in the order of the document, resolved; without those to known drafts.
fn outwards<'d>(document: &'d Value, address: &Address) -> Vec<Outward<'d>> {
    let mut resources = BTreeSet::from([bare(&address.ours).to_owned()]);
    let mut all = Vec::new();
    let is_draft_4 = document["$schema"].as_str().is_some_and(|named| named.contains("draft-04"));
    collect(document, address, if is_draft_4 { "id" } else { "$id" }, &mut resources, &mut all);
    let is_outward =
        |outward: &Outward<'_>| !resources.contains(&outward.target.ours) && super::known_draft(&outward.target.ours).is_none();
    all.retain(is_outward);
    all
}

/// `id` is the keyword by which a schema says its own address.
fn collect<'d>(value: &'d Value, base: &Address, id: &str, resources: &mut BTreeSet<String>, all: &mut Vec<Outward<'d>>) {
    match value {
        Value::Object(entries) => {
            let named = entries.get(id).and_then(Value::as_str).filter(|named| !named.starts_with('#'));
            let own = named.and_then(|named| base.to(named));
            if let Some(own) = &own {
                resources.insert(own.ours.clone());
            }
            let base = own.as_ref().unwrap_or(base);
            for (key, value) in entries {
                match value {
                    Value::String(written) if matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") => {
                        if let Some(target) = base.to(written) {
                            all.push(Outward { written, target });
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

// === impl Address ===

impl Address {
    /// Where a reference leads from here, without its fragment; none for what is no reference.
    fn to(&self, reference: &str) -> Option<Address> {
        let reference = bare(reference);
        Some(Address {
            ours: bare(&resolved(&self.ours, reference)?).to_owned(),
            client: joined(&self.client, reference),
        })
    }
}

/// As a client resolves that begins with nothing: RFC 3986 below a whole address, and Python's `urljoin` below a relative one.
fn joined(base: &str, reference: &str) -> String {
    if reference.is_empty() {
        return base.to_owned();
    }
    if base.is_empty() || Uri::parse(reference).is_ok() {
        return reference.to_owned();
    }
    if let Some(whole) = resolved(base, reference) {
        return whole;
    }
    let above = base.rsplit_once('/').map_or("", |(above, _)| above);
    let steps = match reference.starts_with('/') {
        true => reference.to_owned(),
        false => format!("{above}/{reference}"),
    };
    let mut kept: Vec<&str> = Vec::new();
    for step in steps.split('/').filter(|step| !matches!(*step, "" | ".")) {
        match step {
            ".." => drop(kept.pop()),
            step => kept.push(step),
        }
    }
    kept.join("/")
}

/// RFC 3986, section 5; what is no reference there is refused where the schema is compiled.
fn resolved(base: &str, reference: &str) -> Option<String> {
    let base: Uri<&str> = Uri::parse(base).ok()?;
    Some(uri::resolve_against(&base, reference).ok()?.as_str().to_owned())
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
