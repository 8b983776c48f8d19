//! The schema registry, the store, and what its clock says of ours.

use tidegate_check::input::SchemaNeed;
use tidegate_lake::examine::{OBJECT, Step};
use tidegate_schemas::{Auth, Registry};

use super::Patient;
use super::report::Line;
use crate::cli::DoctorRole;

/// Clocks that differ by more make event times of now look like the future, and signatures of AWS are refused at five minutes.
const SKEW_MAX_MILLIS: i64 = 30_000;
/// No registry gives this id out: the answer "unknown" shows that it works.
const NOBODYS_ID: u32 = 2_147_483_646;

/// Whether the registry answers as one.
pub(super) fn registry(patient: &Patient) -> Vec<Line> {
    let Some(url) = &patient.config.registry else {
        return vec![Line::skipped("not checked: no schema registry is configured (registry.url)")];
    };
    let asked = Auth::from_env()
        .and_then(|auth| Registry::connect(url, auth))
        .and_then(|registry| registry.fetch(&SchemaNeed::Id(NOBODYS_ID)));
    vec![match asked {
        Ok(_) => Line::ok("the schema registry answers"),
        Err(error) => Line::wrong(
            error.to_string(),
            "look at registry.url (the base of the API, without /schemas) and TIDEGATE_REGISTRY_USER, TIDEGATE_REGISTRY_PASSWORD or TIDEGATE_REGISTRY_TOKEN",
        ),
    }]
}

/// Whether the store does what a sink needs.
pub(super) fn store(patient: &Patient) -> Vec<Line> {
    let Some(lake) = &patient.config.lake else {
        return vec![Line::skipped("not checked: no lake is configured (lake.location)")];
    };
    if !patient.has(DoctorRole::Sink) {
        return vec![Line::skipped("not checked: only sinks write to the lake (--role sink)")];
    }
    let found = tidegate_lake::examine(&lake.location, &lake.options);
    let mut lines = Vec::new();
    match found.failure() {
        Some((step, error)) => lines.push(Line::wrong(
            format!("{} fails: {error}", step.as_str()),
            match step {
                Step::List => {
                    "make the bucket or container, look at lake.location, lake.endpoint and lake.region, and give the rights to list it"
                }
                Step::Create => "give the right to put objects below lake/ and chain/ (and to use the bucket's key)",
                Step::CreateOnly => {
                    "take a store with conditional puts (S3 If-None-Match): without them two sinks would overwrite each other"
                }
                Step::Read => "give the right to read objects below lake/ and chain/ (and to use the bucket's key)",
            },
        )),
        None => lines.push(Line::ok("the lake lists, writes, creates only once, and reads")),
    }
    if found.stays {
        lines.push(Line::warning(
            format!("{OBJECT} stays in the lake, since these credentials may not delete, which is as it should be"),
            "nothing to do: the next run uses it again",
        ));
    }
    if let Some(ahead) = found.ahead_millis {
        lines.push(match ahead.abs() > SKEW_MAX_MILLIS {
            true => Line::wrong(
                format!(
                    "this machine's clock is {} s {} the store's",
                    ahead.abs() / 1_000,
                    if ahead > 0 { "behind" } else { "ahead of" }
                ),
                "set it (NTP, chrony): event times are judged by it, and signed requests are refused when it is off",
            ),
            false => Line::ok("this machine's clock agrees with the store's"),
        });
    }
    lines
}
