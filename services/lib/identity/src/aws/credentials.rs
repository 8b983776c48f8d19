//! Where AWS credentials come from: variables, web identity (IRSA), containers (EKS Pod Identity, ECS), a profile, the machine's role.

use std::collections::BTreeMap;
use std::time::SystemTime;

use reqwest::Method;
use serde_json::Value;
use tidegate_flow::{Remedy, WorldError};

use crate::form::joined;
use crate::http::{Ask, Http, Said, check_address};
use crate::variables::{Variables, operator};

const CONTAINER: &str = "http://169.254.170.2";
const MACHINE: &str = "http://169.254.169.254";

/// Keys, with their end where they have one.
pub(super) struct Credentials {
    pub(super) key_id: String,
    pub(super) secret_key: String,
    pub(super) session_token: Option<String>,
    pub(super) expires_at: Option<SystemTime>,
}

/// One place, chosen once. What changes there (rotated token files, renewed roles) is read each time.
pub(super) struct Source {
    place: Place,
    variables: Variables,
}

enum Place {
    Keys,
    /// `AssumeRoleWithWebIdentity` of STS.
    WebIdentity {
        endpoint: String,
        role: String,
        session: String,
    },
    Container {
        url: String,
    },
    Profile {
        path: String,
        profile: String,
    },
    Machine {
        base: String,
    },
}

// === impl Source ===

impl Source {
    /// In the order of AWS's own tools: keys, a profile that is asked for by name, web identity, container, the default profile, machine.
    pub(super) fn choose(region: &str, variables: &Variables) -> Result<Source, WorldError> {
        let place = if variables.secret("AWS_ACCESS_KEY_ID")?.is_some() {
            Place::Keys
        } else if let Some(profile) = variables.get("AWS_PROFILE") {
            let path =
                credentials_file(variables).ok_or_else(|| operator("AWS_PROFILE is set and there is no home to find its file in"))?;
            let profile = profile.to_owned();
            Place::Profile { path, profile }
        } else if variables.get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
            web_identity(region, variables)?
        } else if let Some(url) = variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            check_address(url, "AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
            Place::Container { url: url.to_owned() }
        } else if let Some(path) = variables.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            let url = format!("{CONTAINER}{path}");
            check_address(&url, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?;
            Place::Container { url }
        } else if let Some(path) = credentials_file(variables).filter(|path| std::path::Path::new(path).is_file()) {
            let profile = "default".to_owned();
            Place::Profile { path, profile }
        } else if variables
            .get("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
        {
            let what = "no AWS credentials: no keys, profile, web identity or container, and AWS_EC2_METADATA_DISABLED is true";
            return Err(operator(what));
        } else {
            let base = variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(MACHINE);
            let base = base.trim_end_matches('/').to_owned();
            Place::Machine { base }
        };
        Ok(Source {
            place,
            variables: variables.clone(),
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self.place {
            Place::Keys => "keys of the environment",
            Place::WebIdentity { .. } => "web identity (IRSA)",
            Place::Container { .. } => "container (EKS Pod Identity, ECS)",
            Place::Profile { .. } => "profile",
            Place::Machine { .. } => "role of the machine",
        }
    }

    pub(super) fn fetch(&self, http: &Http, now: SystemTime) -> Result<Credentials, WorldError> {
        let found = match &self.place {
            Place::Keys => self.keys(),
            Place::WebIdentity { endpoint, role, session } => self.assume(http, endpoint, role, session),
            Place::Container { url } => self.container(http, url),
            Place::Profile { path, profile } => from_profile(path, profile),
            Place::Machine { base } => machine(http, base),
        }?;
        match found.expires_at {
            Some(end) if end <= now => Err(WorldError::new(
                Remedy::Retry,
                format!("AWS credentials ({}) have ended already", self.name()),
            )),
            _ => Ok(found),
        }
    }

    fn keys(&self) -> Result<Credentials, WorldError> {
        let needed = |name: &str| {
            let secret = self.variables.secret(name)?;
            secret.ok_or_else(|| {
                operator(format!(
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: {name} is missing"
                ))
            })
        };
        Ok(Credentials {
            key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_key: needed("AWS_SECRET_ACCESS_KEY")?,
            session_token: self.variables.secret("AWS_SESSION_TOKEN")?,
            expires_at: None,
        })
    }

    fn assume(&self, http: &Http, endpoint: &str, role: &str, session: &str) -> Result<Credentials, WorldError> {
        // Kubernetes writes it anew before it ends.
        let token = self.variables.file("AWS_WEB_IDENTITY_TOKEN_FILE")?;
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", session),
            ("WebIdentityToken", &token),
        ];
        let body = http
            .ask(Ask {
                whom: "AWS STS",
                method: Method::POST,
                url: endpoint,
                headers: Vec::new(),
                form: Some(joined(&form)),
            })?
            .accepted(
                |body| element(body, "Code").map(str::to_owned),
                "check AWS_ROLE_ARN and whom that role trusts (issuer, subject, audience)",
            )?;
        let odd = || operator("AWS STS answers without credentials");
        let part = |name| element(&body, name).map(str::to_owned).ok_or_else(odd);
        Ok(Credentials {
            key_id: part("AccessKeyId")?,
            secret_key: part("SecretAccessKey")?,
            session_token: Some(part("SessionToken")?),
            expires_at: Some(moment(&part("Expiration")?).ok_or_else(odd)?),
        })
    }

    fn container(&self, http: &Http, url: &str) -> Result<Credentials, WorldError> {
        let token = match self.variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(_) => Some(self.variables.file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?),
            None => self.variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(str::to_owned),
        };
        let said = http.ask(Ask {
            whom: "the container's credential service",
            method: Method::GET,
            url,
            headers: token.map(|token| ("authorization", token)).into_iter().collect(),
            form: None,
        })?;
        from_json(said, "check the pod identity association (or the task's role)")
    }
}

/// Instance metadata, version 2: a session first, then the role's name, then its keys.
fn machine(http: &Http, base: &str) -> Result<Credentials, WorldError> {
    const ADVICE: &str = "check that the machine has a role; in a container its metadata service may need two hops";
    let ask = |method, path: &str, header: (&'static str, String)| {
        http.ask(Ask {
            whom: "the machine's metadata service",
            method,
            url: &format!("{base}/latest/{path}"),
            headers: vec![header],
            form: None,
        })
    };
    let life = ("x-aws-ec2-metadata-token-ttl-seconds", "300".to_owned());
    let session = ask(Method::PUT, "api/token", life)?.accepted(|_| None, ADVICE)?;
    let with_session = || ("x-aws-ec2-metadata-token", session.clone());
    let roles = ask(Method::GET, "meta-data/iam/security-credentials/", with_session())?.accepted(|_| None, ADVICE)?;
    let role = roles.lines().next().map(str::trim).filter(|role| !role.is_empty());
    let role = crate::form::escaped(role.ok_or_else(|| operator("the machine has no role"))?);
    from_json(
        ask(Method::GET, &format!("meta-data/iam/security-credentials/{role}"), with_session())?,
        ADVICE,
    )
}

fn web_identity(region: &str, variables: &Variables) -> Result<Place, WorldError> {
    let role = variables
        .get("AWS_ROLE_ARN")
        .ok_or_else(|| operator("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not"))?;
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let usual = format!("https://sts.{region}.amazonaws.com{suffix}");
    let endpoint = variables.get("AWS_ENDPOINT_URL_STS").map_or(usual, str::to_owned);
    check_address(&endpoint, "AWS_ENDPOINT_URL_STS")?;
    Ok(Place::WebIdentity {
        endpoint: format!("{}/", endpoint.trim_end_matches('/')),
        role: role.to_owned(),
        session: variables.get("AWS_ROLE_SESSION_NAME").unwrap_or("tidegate").to_owned(),
    })
}

fn credentials_file(variables: &Variables) -> Option<String> {
    match variables.get("AWS_SHARED_CREDENTIALS_FILE") {
        Some(path) => Some(path.to_owned()),
        None => Some(format!("{}/.aws/credentials", variables.get("HOME")?)),
    }
}

/// Keys of a profile; other ways to come by credentials that a profile can name are not taken.
fn from_profile(path: &str, profile: &str) -> Result<Credentials, WorldError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        WorldError::caused(
            Remedy::Operator,
            format!("the file of AWS profiles cannot be read: {}", error.kind()),
            error,
        )
    })?;
    let mut is_ours = false;
    let mut keys = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_ours = name.trim().trim_start_matches("profile ").trim() == profile;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_ours) {
            keys.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let mut take = |name: &str| keys.remove(name).filter(|value| !value.is_empty());
    let (Some(key_id), Some(secret_key)) = (take("aws_access_key_id"), take("aws_secret_access_key")) else {
        return Err(operator(format!(
            "the AWS profile `{profile}` holds no aws_access_key_id and aws_secret_access_key"
        )));
    };
    Ok(Credentials {
        key_id,
        secret_key,
        session_token: take("aws_session_token"),
        expires_at: None,
    })
}

fn from_json(said: Said, advice: &str) -> Result<Credentials, WorldError> {
    let whom = said.whom;
    let code = |body: &str| {
        let answer: Value = serde_json::from_str(body).ok()?;
        answer["code"].as_str().or_else(|| answer["Code"].as_str()).map(str::to_owned)
    };
    let body = said.accepted(code, advice)?;
    let odd = || operator(format!("{whom} answers without credentials; {advice}"));
    let answer: Value = serde_json::from_str(&body).map_err(|_| odd())?;
    let part = |name: &str| {
        answer[name]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(odd)
    };
    Ok(Credentials {
        key_id: part("AccessKeyId")?,
        secret_key: part("SecretAccessKey")?,
        session_token: Some(part("Token")?),
        expires_at: Some(moment(&part("Expiration")?).ok_or_else(odd)?),
    })
}

fn moment(text: &str) -> Option<SystemTime> {
    Some(text.parse::<jiff::Timestamp>().ok()?.into())
}

/// The text of the first element with this name. STS writes no attributes and no entities in what is read here.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let from = xml.split_once(&format!("<{name}>"))?.1;
    let text = from.split_once(&format!("</{name}>"))?.0.trim();
    (!text.is_empty()).then_some(text)
}
