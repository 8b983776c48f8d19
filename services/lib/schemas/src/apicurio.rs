//! Apicurio's own REST API (Registry 3, `/apis/registry/v3`), for records that carry its global or content ids.
//!
//! The content is answered as it was registered, without its kind, so it is taken for Avro: Apicurio's framing of other formats names no
//! schema that is needed here. Only an answer in Apicurio's own error form says that an id is unknown.

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tidegate_check::input::SchemaNeed;
use tidegate_codec::avro::Schema;
use tidegate_flow::{Remedy, WorldError};

use crate::auth::Auth;
use crate::fault::Fault;
use crate::wire::{Answer, escaped, need_text};

/// More than this many referenced schemas behind one are not followed.
const REFERENCES_MAX: usize = 100;
/// Bytes of one answer.
const ANSWER_MAX: usize = 4 << 20;

/// How the API is reached.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    client: Client,
    auth: Auth,
}

/// A schema that another refers to.
struct Reference {
    name: String,
    /// Group, artifact and version as a path.
    path: String,
}

// === impl Api ===

impl Api {
    /// `url` is the base of the Confluent-compatible API, or the address of the server.
    pub(crate) fn new(url: &str, auth: Auth, client: Client) -> Api {
        let server = url.find("/apis/").map_or(url, |at| &url[..at]);
        Api {
            base: format!("{server}/apis/registry/v3"),
            client,
            auth,
        }
    }

    /// Asks for a schema and everything that it refers to.
    pub(crate) async fn ask(&self, need: &SchemaNeed) -> Result<Answer, Fault> {
        let path = match need {
            SchemaNeed::GlobalId(id) => format!("ids/globalIds/{id}"),
            SchemaNeed::ContentId(id) => format!("ids/contentIds/{id}"),
            other => return Err(world(Remedy::Bug, format!("{} is no id of Apicurio", need_text(other)))),
        };
        let text = match self.text(&path).await {
            Ok(text) => text,
            Err(Fault::Absent) => return Ok(Answer::Absent),
            Err(fault) => return Err(fault),
        };
        let mut done: Vec<(String, String)> = Vec::new();
        let mut open = match self.references(&format!("{path}/references")).await {
            Ok(references) => references,
            Err(Fault::Absent) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        let mut seen: Vec<String> = Vec::new();
        while let Some(reference) = open.pop() {
            if seen.contains(&reference.path) {
                continue;
            }
            if seen.len() == REFERENCES_MAX {
                return Ok(Answer::Unusable(format!("it refers to more than {REFERENCES_MAX} schemas")));
            }
            let text = match self.text(&format!("{}/content", reference.path)).await {
                Ok(text) => text,
                Err(Fault::Absent) => return Ok(Answer::Unusable("it refers to a schema that is not there".to_owned())),
                Err(fault) => return Err(fault),
            };
            match self.references(&format!("{}/references", reference.path)).await {
                Ok(references) => open.extend(references),
                Err(Fault::Absent) => {}
                Err(fault) => return Err(fault),
            }
            seen.push(reference.path);
            done.push((reference.name, text));
        }
        let pairs: Vec<(&str, &str)> = done.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Ok(match Schema::parse(&text, &pairs) {
            Ok(schema) => Answer::Avro(schema),
            Err(why) => Answer::Unusable(why),
        })
    }

    async fn references(&self, path: &str) -> Result<Vec<Reference>, Fault> {
        let unread = || {
            world(
                Remedy::Retry,
                "cannot read the references of a schema: an answer that cannot be read".to_owned(),
            )
        };
        let found: Value = serde_json::from_str(&self.text(path).await?).map_err(|_| unread())?;
        let text = |each: &Value, key: &str| each.get(key).and_then(Value::as_str).map(str::to_owned);
        let one = |each: &Value| {
            let group = text(each, "groupId").unwrap_or_else(|| "default".to_owned());
            let (artifact, version) = (text(each, "artifactId")?, text(each, "version")?);
            let part = |name: &str| escaped(name).replace('/', "%2F");
            Some(Reference {
                name: text(each, "name")?,
                path: format!("groups/{}/artifacts/{}/versions/{}", part(&group), part(&artifact), part(&version)),
            })
        };
        let list = found.as_array().ok_or_else(unread)?;
        list.iter().map(|each| one(each).ok_or_else(unread)).collect()
    }

    async fn text(&self, path: &str) -> Result<String, Fault> {
        let request = self.client.get(format!("{}/{path}", self.base));
        let request = match &self.auth {
            Auth::Nobody => request,
            Auth::Basic(user, password) => request.basic_auth(user, Some(password)),
            Auth::Bearer(token) => request.bearer_auth(token),
        };
        // The client's error may repeat the address, so it is not passed on.
        let answer = request
            .send()
            .await
            .map_err(|_| world(Remedy::Retry, "cannot ask Apicurio for a schema: no answer".to_owned()))?;
        let status = answer.status();
        let body = body(answer).await?;
        if status.is_success() {
            return String::from_utf8(body).map_err(|_| world(Remedy::Retry, "Apicurio gave a schema that is no text".to_owned()));
        }
        Err(refused(status, &body))
    }
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_MAX => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                return Err(world(
                    Remedy::Operator,
                    format!("Apicurio gave an answer of more than {ANSWER_MAX} bytes"),
                ));
            }
            Ok(None) => return Ok(body),
            Err(_) => {
                return Err(world(
                    Remedy::Retry,
                    "cannot ask Apicurio for a schema: the answer broke off".to_owned(),
                ));
            }
        }
    }
}

/// An error in Apicurio's own form names the exception; a page of a proxy does not.
fn refused(status: StatusCode, body: &[u8]) -> Fault {
    let named = serde_json::from_slice::<Value>(body).ok();
    let named = named
        .as_ref()
        .and_then(|error| error.get("name"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if status == StatusCode::NOT_FOUND
        && ["ArtifactNotFoundException", "ContentNotFoundException", "VersionNotFoundException"].contains(&named)
    {
        return Fault::Absent;
    }
    let (remedy, why) = match status.as_u16() {
        401 | 403 => (Remedy::Operator, "not permitted"),
        404 | 405 => (Remedy::Operator, "this is no Apicurio Registry 3, or its path is missing"),
        408 | 425 | 429 => (Remedy::Retry, "the registry is busy"),
        400..=499 => (Remedy::Operator, "refused"),
        _ => (Remedy::Retry, "the registry fails"),
    };
    world(
        remedy,
        format!("cannot ask Apicurio for a schema: {why} (status {})", status.as_u16()),
    )
}

fn world(remedy: Remedy, what: String) -> Fault {
    Fault::World(WorldError::new(remedy, what))
}
