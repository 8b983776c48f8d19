//! SQL for Snowflake and Spark is read by a parser of their grammar, whatever names and texts the contract has. DuckDB reads its own in
//! `tests/exports.rs` of the workspace.
#![allow(clippy::unwrap_used, reason = "tests")]

use fastrand::Rng;
use proptest::prelude::*;
use sqlparser::ast::{ColumnOption, Statement};
use sqlparser::dialect::{SnowflakeDialect, SparkSqlDialect};
use sqlparser::parser::Parser;
use tidegate_check::{Plan, compile};
use tidegate_contract::Contract;
use tidegate_export::{Dialect, Format, Subject, columns, export};
use tidegate_sim::variety::{Shape, Taste};

const NASTY: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: 'ta\"b`le'\n    description: It's \\ a \"table\".\n    properties:\n\
    \x20     - {name: 'col\"u`mn', physicalName: c, logicalType: string, required: true, description: \"It's\\n\\\\ new\"}\n\
    \x20     - {name: select, logicalType: object, properties: [{name: 'in \"ner', logicalType: time}]}\n\
    \x20     - {name: m, logicalType: map, map: {key: {logicalType: string}, value: {logicalType: array, items: {logicalType: timestamp, logicalTypeOptions: {timezone: false}}}}}\n";

fn contract(text: &str) -> (Contract, Plan) {
    let (contract, diagnostics) = tidegate_contract::parse("c.odcs.yaml", text);
    let contract = contract.unwrap_or_else(|| panic!("{diagnostics:#?}"));
    let plan = compile(&contract, 0).unwrap();
    (contract, plan)
}

fn parsed(dialect: Dialect, text: &str) -> Vec<Statement> {
    let read = match dialect {
        Dialect::Snowflake => Parser::parse_sql(&SnowflakeDialect {}, text),
        Dialect::DuckDb => panic!("read by DuckDB itself"),
        // The parser does not know that backslashes escape in Spark's constants.
        Dialect::Spark => Parser::parse_sql(&SparkSqlDialect {}, &text.replace("\\'", "''").replace("\\\\", "\\")),
    };
    read.unwrap_or_else(|error| panic!("{dialect:?}: {error}\n{text}"))
}

/// The table has the lake's columns by name and order, and each engine's parser reads them.
fn check(contract: &Contract, plan: &Plan) {
    let subject = Subject {
        contract,
        object: &contract.objects[0],
        plan,
    };
    let columns: Vec<String> = columns::schema(&subject)
        .unwrap()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    for dialect in [Dialect::Snowflake, Dialect::Spark] {
        let text = export(&subject, Format::Sql(dialect)).unwrap().text;
        let statements = parsed(dialect, &text);
        let Statement::CreateTable(table) = &statements[0] else {
            panic!("{text}")
        };
        assert_eq!(
            table.name.0[0].as_ident().unwrap().value.replace("\"\"", "\"").replace("``", "`"),
            *contract.objects[0].name,
            "{text}"
        );
        let names: Vec<String> = table
            .columns
            .iter()
            .map(|column| column.name.value.replace("\"\"", "\"").replace("``", "`"))
            .collect();
        assert_eq!(names, columns, "{text}");
        let not_null = table
            .columns
            .iter()
            .filter(|column| column.options.iter().any(|option| option.option == ColumnOption::NotNull));
        assert_eq!(not_null.count(), 8, "{text}");
        assert_eq!(statements.len(), 1, "{text}");
    }
}

#[test]
fn names_and_texts_are_quoted() {
    let (contract, plan) = contract(NASTY);
    check(&contract, &plan);
    let subject = Subject {
        contract: &contract,
        object: &contract.objects[0],
        plan: &plan,
    };
    let comment = |dialect| {
        let statements = parsed(dialect, &export(&subject, Format::Sql(dialect)).unwrap().text);
        let Statement::CreateTable(table) = &statements[0] else { panic!() };
        table.columns[0].options.iter().find_map(|option| match &option.option {
            ColumnOption::Comment(text) => Some(text.clone()),
            _ => None,
        })
    };
    assert_eq!(comment(Dialect::Spark).unwrap(), "It's \\ new. Required in every event");
    assert_eq!(comment(Dialect::Snowflake).unwrap(), "It's \\ new. Required in every event");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_contracts_are_read(seed: u64) {
        let shape = Shape::random(&mut Rng::with_seed(seed), Taste { odd_names: true, subtle: true });
        let (contract, plan) = contract(&shape.yaml());
        check(&contract, &plan);
    }
}
