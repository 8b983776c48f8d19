//! From any text to diagnostics, or to a contract, its snapshot and its plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_check::{Input, Judge, compile};
use tidegate_contract::{ContractFile, Level, Snapshot, parse, render, render_lines};

use crate::world::NoSchemas;

const FILE: &str = "some/contract.odcs.yaml";

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (contract, diagnostics) = parse(FILE, text);
    let has_errors = diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error);
    assert_eq!(contract.is_none(), has_errors, "no contract exactly where there is an error");
    // A carriage return alone breaks a line of YAML, too (YAML 1.2.2 section 5.4).
    let lines = u32::try_from(text.replace("\r\n", "\n").split(['\n', '\r']).count()).unwrap_or(u32::MAX);
    for diagnostic in &diagnostics {
        assert!(diagnostic.location.line <= lines + 1, "{diagnostic:?} lies behind the text");
    }
    let sources = BTreeMap::from([(Arc::from(FILE), text.to_owned())]);
    assert_eq!(
        render(&diagnostics, &sources, false).is_empty(),
        diagnostics.is_empty(),
        "every diagnostic can be shown"
    );
    assert!(render_lines(&diagnostics).lines().count() >= diagnostics.len());
    let (again, same) = parse(FILE, text);
    assert_eq!(format!("{diagnostics:?}"), format!("{same:?}"));
    assert_eq!(format!("{contract:?}"), format!("{again:?}"));

    let file = |path: &str| ContractFile {
        path: Arc::from(path),
        text: text.to_owned(),
    };
    let one = Snapshot::build("commit", &[file(FILE)]);
    assert!(one.is_err() || one.as_ref().is_ok_and(|(snapshot, _)| snapshot.contracts.len() <= 1));
    let two = Snapshot::build("commit", &[file("a.odcs.yaml"), file("b.odcs.yaml")]);
    assert!(
        two.is_ok() || one.is_err() || contract.is_some(),
        "a copy of a contract that is none breaks nothing more"
    );

    let Some(contract) = contract else { return };
    for object in 0..contract.objects.len() {
        match compile(&contract, object) {
            Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
            Ok(plan) => {
                let same = compile(&contract, object).map(|plan| plan.fingerprint).unwrap_or_default();
                assert_eq!(plan.fingerprint, same);
                let input = Input {
                    key: Some(b"1"),
                    value: Some(br#"{"id":1,"name":"n","at":"2026-11-21T08:15:30Z","items":[1,{"a":null}],"map":{"k":0.5}}"#),
                    headers: &[],
                    now: 0,
                };
                let first = Judge::new().judge(&plan, &input, "events", &NoSchemas, &mut ());
                assert_eq!(first, Judge::new().judge(&plan, &input, "events", &NoSchemas, &mut ()));
            }
        }
    }
}
