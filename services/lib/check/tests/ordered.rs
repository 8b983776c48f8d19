//! A rule that makes a list of a map's keys says the same of the same event, whenever it is asked.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use tidegate_check::{Judge, Verdict, compile};

use support::{Event, Schemas, contract};

#[test]
fn lists_of_keys_are_sorted() {
    for (rule, expected) in [
        ("value.map(k, k)[0] == 'a'", true),
        ("value.filter(k, k != 'a')[0] == 'b'", true),
        ("value.map(k, k)[2] == 'b'", false),
        ("value.map(k, value[k]) == [1, 2, 3]", true),
        ("meta.map(k, k) == ['contract', 'topic', 'version']", true),
        // Lists keep the order that they have.
        ("[3, 1, 2].map(n, n) == [3, 1, 2]", true),
    ] {
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n  - name: events\n    physicalType: topic\n    \
             properties:\n      - {{name: c, logicalType: integer}}\n      - {{name: a, logicalType: integer}}\n      - {{name: b, logicalType: integer}}\n    \
             quality:\n      - {{id: r, type: custom, engine: cel, implementation: \"{rule}\"}}\n"
        );
        let plan = compile(&contract("ordered", &text), 0).unwrap();
        for _ in 0..60 {
            let verdict = Event::read(r#"{"c":3,"b":2,"a":1}"#).judge(&mut Judge::new(), &plan, &Schemas::default(), &mut ());
            assert_eq!(matches!(verdict, Verdict::Valid { .. }), expected, "{rule}: {verdict:?}");
        }
    }
}
