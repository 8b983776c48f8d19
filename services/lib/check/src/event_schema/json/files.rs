//! Documents by their address: files under `schemas/`, and nothing else.

use crate::event_schema::sha256;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use jsonschema::{Retrieve, Uri};
use serde_json::Value;
use tidegate_contract::event_schema::REGISTERED;
use tidegate_contract::{EventSchemaKind, SchemaFolder};

use super::{Shared, bounded_references, parse};

/// Address of the folder `schemas/`. No such scheme exists anywhere else.
pub(super) const BASE: &str = "schemas:///";

/// Files that one schema may refer to.
const FILES_MAX: usize = 200;

/// The files that references may lead to. Clones share what was used.
#[derive(Clone)]
pub(super) struct Files {
    folder: Arc<SchemaFolder>,
    base: Arc<str>,
    root: Arc<str>,
    state: Shared<State>,
}

#[derive(Default)]
struct State {
    /// Files that were referred to, by path.
    used: BTreeMap<Arc<str>, Value>,
    /// `$id` to path, of every JSON file; made when the first reference asks for it.
    ids: Option<Ids>,
}

// === impl Files ===

impl Files {
    pub(super) fn new(folder: &Arc<SchemaFolder>, root: &str, base: &str) -> Files {
        Files {
            folder: folder.clone(),
            base: base.into(),
            root: root.into(),
            state: Shared::default(),
        }
    }

    /// Files that were referred to beside the first.
    pub(super) fn used(&self) -> Vec<(Arc<str>, Value)> {
        let state = self.state.lock().expect("no panic happens while it is held");
        state.used.iter().map(|(path, document)| (path.clone(), document.clone())).collect()
    }

    /// (path, SHA-256 in hex) of the first file and of those that were referred to.
    pub(super) fn hashes(&self) -> Vec<(String, String)> {
        let state = self.state.lock().expect("no panic happens while it is held");
        let mut paths: Vec<&Arc<str>> = state.used.keys().chain([&self.root]).collect();
        paths.sort();
        paths.dedup();
        let texts = paths.into_iter().filter_map(|path| self.folder.get(path).map(|text| (path, text)));
        texts.map(|(path, text)| (path.to_string(), sha256(text))).collect()
    }

    fn path_of(&self, uri: &str, state: &mut State) -> Option<Arc<str>> {
        path_of(&self.folder, &self.base, uri, &mut state.ids)
    }
}

/// `$id` to path.
pub(super) type Ids = BTreeMap<String, Arc<str>>;

/// The file that an address below `base`, or an `$id`, leads to. `ids` are gathered when the first reference asks for one.
pub(super) fn path_of(folder: &SchemaFolder, base: &str, uri: &str, ids: &mut Option<Ids>) -> Option<Arc<str>> {
    let below = uri.strip_prefix(base).map(|path| path.trim_start_matches('/'));
    if let Some((path, _)) = below.and_then(|path| folder.iter().find(|(known, _)| ***known == *path)) {
        return Some(path.clone());
    }
    let ids = ids.get_or_insert_with(|| ids_of(folder));
    ids.get(uri.strip_suffix('#').unwrap_or(uri)).cloned()
}

/// Of two files with one `$id` the first by path counts; both then have it, so the answer does not depend on who asks. A copy of what was
/// registered once has the `$id` of what replaced it, and is never meant.
fn ids_of(folder: &SchemaFolder) -> Ids {
    let mut ids = BTreeMap::new();
    let is_source = |path: &str| EventSchemaKind::of(path) == Some(EventSchemaKind::JsonSchema) && !path.starts_with(REGISTERED);
    for (path, text) in folder.iter().filter(|(path, _)| is_source(path)) {
        let Ok(document) = parse(path, text) else { continue };
        let id = document.get("$id").or_else(|| document.get("id")).and_then(Value::as_str);
        if let Some(id) = id {
            ids.entry(id.strip_suffix('#').unwrap_or(id).to_owned())
                .or_insert_with(|| path.clone());
        }
    }
    ids
}

impl Retrieve for Files {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let mut state = self.state.lock().expect("no panic happens while it is held");
        let Some(path) = self.path_of(uri.as_str(), &mut state) else {
            return Err("no file under `schemas/` has that path or `$id`, and nothing is ever fetched".into());
        };
        if let Some(document) = state.used.get(&path) {
            return Ok(document.clone());
        }
        let text = self.folder.get(&path).expect("its path comes from the folder");
        let document = parse(&path, text).and_then(|document| bounded_references(&path, &self.folder, &document).map(|()| document));
        let document = document.map_err(|fault| fault.to_string())?;
        if state.used.len() == FILES_MAX {
            return Err(format!("more than {FILES_MAX} files take part").into());
        }
        state.used.insert(path, document.clone());
        Ok(document)
    }
}
