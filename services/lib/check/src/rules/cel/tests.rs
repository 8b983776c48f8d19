use std::sync::Arc;

use tidegate_contract::{Location, Severity};

use super::{Refusal, Rule};
use crate::plan::{Kind, LeafType, Node, Plan};
use crate::tape::Slot;

fn nodes() -> Vec<Node> {
    let node = |name: &str, kind| Node {
        name: Arc::from(name),
        wire_name: Arc::from(name),
        kind,
    };
    vec![
        node("row", Kind::Object(vec![1, 2, 3])),
        node("a", Kind::Leaf(LeafType::Int { bits: 64, signed: true })),
        node("s", Kind::Leaf(LeafType::Str)),
        node("any", Kind::Any),
    ]
}

fn compile(expression: &str) -> Result<Rule, Refusal> {
    let mut rule = Rule::compile(
        &"rule".into(),
        Severity::Error,
        &Location::default(),
        expression,
        &nodes(),
        0,
        false,
    )?;
    rule.lower(&nodes(), &[Slot::NONE, Slot::field(0), Slot::field(1), Slot::field(2)])?;
    Ok(rule)
}

#[test]
fn the_largest_programs_that_are_accepted_do_not_exhaust_the_stack() {
    let sum = format!("value.a{} > 0", " + 1".repeat(28));
    assert!(compile(&sum).is_ok());
    // Longer than what is accepted in the end, and it must come to that answer.
    for link in [".a", "+1", "&&a", "[0]", " in a", "==1", "?.a"] {
        let mut chain = String::from("value.any");
        while super::shape::examine_source(&format!("{chain}{link}")).is_ok() {
            chain.push_str(link);
        }
        let _ = compile(&chain);
    }
    let brackets = format!("{}value.a > 0{}", "(".repeat(24), ")".repeat(24));
    assert!(compile(&brackets).is_ok());
    let conditionals = format!("{}true", "value.a > 0 ? false : ".repeat(24));
    assert!(compile(&conditionals).is_ok());
    let both = format!("{}value.a > 0", "value.a > 0 && ".repeat(50));
    assert!(compile(&both).is_ok());
    assert!(compile(&format!("value.a{} > 0", " + 1".repeat(40))).is_err());
    assert!(compile(&format!("{}true", "!".repeat(24))).is_ok());
}

#[test]
fn hostile_sources_are_refused_before_they_are_parsed() {
    for source in [
        "(".repeat(4000),
        "[".repeat(4000),
        "!".repeat(4000),
        "-".repeat(4000),
        "true ? ".repeat(500),
        "a".repeat(5000),
        "{1:".repeat(1000),
    ] {
        assert!(compile(&source).is_err(), "{}", &source[..4]);
    }
    assert!(compile(&format!("value.any{}", ".a".repeat(1900))).is_err());
}

#[test]
fn only_what_is_read_is_bound() {
    let rule = compile("has(value.a) && value['s'].startsWith('x') && math.abs(value.a) > 1").unwrap();
    assert!(rule.reads.value.reads("a") && rule.reads.value.reads("s") && !rule.reads.value.reads("any"));
    assert!(!rule.reads.now && !rule.reads.key && !rule.reads.headers);
}

#[test]
fn a_type_that_is_not_declared_is_not_rehearsed_as_one() {
    assert!(compile("value.any.deep.number > 3").is_ok());
    assert!(compile("value.s > 3").is_err());
}

#[test]
fn plans_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Plan>();
}
