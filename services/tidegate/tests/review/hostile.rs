//! Text of contracts, consumers and events that would command whoever prints it: a CI service, a terminal, the comment of a pull request.

use crate::repo::{CONSUMER, CONTRACT, Repo, tidegate};

/// As YAML and JSON write it in double quotes: commands of the services, of terminals, characters that hide a command from who reads but not from who
/// runs, and Markdown.
const NASTY: &str = "n\\n##vso[task.setvariable variable=PATH]/tmp/x\\n::add-mask::x\\r\\u200b::error::y #\\u00ad#[error]z \\u001b[2J\\u009b31m\\u202eb \
                     `<img src=e> @acme [l](http://e.example)";

/// A change under which everything is said: what was refused, what broke, whom it hits, what an event does.
fn repo() -> Repo {
    let repo = Repo::new();
    let nasty = |text: &str| {
        text.replace(
            "      - {name: id, logicalType: string, required: true}\n",
            &format!(
                "      - {{name: id, logicalType: string, required: true, description: \"{NASTY}\"}}\n      \
                 - {{name: kind, logicalType: string, enum: [{{value: a}}, {{value: \"{NASTY}\"}}]}}\n"
            ),
        )
        .replace(
            "{id: positive,",
            &format!("{{id: positive, name: \"{NASTY}\", description: \"{NASTY}\","),
        )
    };
    repo.edit("version: 1.0.0", "version: 1.1.0");
    repo.write("contracts/orders/v1.odcs.yaml", &nasty(CONTRACT));
    repo.write(
        "consumers/finance.yaml",
        &CONSUMER
            .replace("owner: '@acme/finance'", &format!("owner: \"{NASTY}\""))
            .replace("contact: finance@example.com", &format!("contact: \"{NASTY}\"")),
    );
    repo.write(
        "events.jsonl",
        &format!("{{\"id\":\"a\",\"total\":1.50,\"kind\":\"{NASTY}\"}}\n{{\"id\":\"{NASTY}\",\"total\":2.50,\"kind\":\"{NASTY}\"}}\n"),
    );
    repo.commit();
    repo.git(&["switch", "-q", "-c", "change"]);
    let changed = nasty(CONTRACT)
        .replace("version: 1.0.0", "version: 1.1.0")
        .replace(
            &format!("[{{value: a}}, {{value: \"{NASTY}\"}}]"),
            &format!("[{{value: a}}, {{value: \"x{NASTY}\"}}]"),
        )
        .replace("physicalType: 'decimal(12,2)', required: true", "physicalType: 'decimal(12,2)'");
    repo.write("contracts/orders/v1.odcs.yaml", &changed);
    // A test whose name is a command, and that does otherwise than expected.
    repo.write("contracts/orders/tests/valid/##[error]x.json", "{\"id\":1}\n");
    repo
}

/// Lines that an agent would run, as it reads them: anywhere in a line, without what its comparison does not see.
fn commands(text: &str) -> Vec<&str> {
    let is_command = |line: &&str| {
        let seen = line.replace(tidegate_contract::is_unseen, "").to_lowercase();
        let seen = seen.trim_start();
        let ours = ["::error file=", "::warning file=", "::notice file="];
        let is_github = seen.starts_with("::") && !ours.iter().any(|known| seen.starts_with(known));
        let behind = seen.strip_prefix("##vso[task.logissue ").unwrap_or(seen);
        is_github || behind.contains("##vso[") || behind.contains("##[")
    };
    text.split(['\n', '\r']).filter(is_command).collect()
}

#[test]
fn whatever_is_printed_commands_nobody() {
    let repo = repo();
    let with = |args: &[&'static str], output: &'static str| [args, &["--output", output]].concat();
    let old = "main:contracts";
    let mut all: Vec<Vec<&str>> = Vec::new();
    for output in ["text", "json", "markdown", "github", "azure"] {
        all.push(with(
            &["ci", "--base", "main", "--preview", "events.jsonl", "--show-values"],
            output,
        ));
    }
    for output in ["text", "json", "github", "gitlab", "azure", "junit", "sarif"] {
        all.push(with(&["lint", ".", "--base", "main"], output));
    }
    for output in ["human", "markdown", "json", "odcs"] {
        all.push(with(&["diff", "--base", "main"], output));
    }
    for output in ["human", "markdown", "json"] {
        all.push(with(&["preview", "--old", old, "--new", "contracts", "events.jsonl"], output));
    }
    for output in ["human", "json", "junit", "github"] {
        all.push(with(&["test", "."], output));
    }
    let mut seen = String::new();
    for args in &all {
        for service in [("TF_BUILD", "True"), ("GITHUB_ACTIONS", "true")] {
            let (code, out, err) = tidegate(repo.here(), args, &[service]);
            assert!(code < 2 || args[0] == "ci", "{args:?}: {code} {err}");
            assert!(out.len() > 20, "{args:?}: {out}{err}");
            for text in [&out, &err] {
                assert_eq!(commands(text), Vec::<&str>::new(), "{args:?} {service:?}\n{text}");
                let bad = text.chars().find(|c| tidegate_contract::is_disguise(*c) && *c != '\n');
                assert_eq!(bad, None, "{args:?} {service:?}\n{text:?}");
            }
            seen.push_str(&out);
        }
    }
    // The texts got as far as here, so that something was held back.
    for part in ["vso[", "add-mask", "img src"] {
        assert!(seen.matches(part).count() > 20, "{part} is in few outputs\n{seen}");
    }
}

#[test]
fn comments_and_summaries_are_text() {
    let repo = repo();
    let (comment, summary) = (repo.here().join("comment.md"), repo.here().join("summary.md"));
    let args = [
        "ci",
        "--base",
        "main",
        "--preview",
        "events.jsonl",
        "--show-values",
        "--comment",
        comment.to_str().unwrap(),
    ];
    let environment = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    let (_, _, err) = tidegate(repo.here(), &args, &environment);
    for path in [&comment, &summary] {
        let text = std::fs::read_to_string(path).unwrap_or_else(|_| panic!("{} {err}", path.display()));
        assert!(text.contains("add-mask"), "the texts are not in it\n{text}");
        assert_eq!(commands(&text), Vec::<&str>::new(), "{text}");
        assert!(!text.chars().any(|c| tidegate_contract::is_disguise(c) && c != '\n'), "{text:?}");
        for live in ["](http", "@acme"] {
            let lines: Vec<&str> = text.lines().filter(|line| outside_code(line).contains(live)).collect();
            assert!(lines.is_empty(), "{live}: {lines:#?}");
        }
        assert!(!text.lines().any(|line| outside_code(line).contains("<img")), "{text}");
    }
}

/// A line without what is between back ticks that no back slash takes away.
fn outside_code(line: &str) -> String {
    let (mut out, mut in_code, mut escaped) = (String::new(), false, false);
    for c in line.chars() {
        match c {
            '`' if in_code || !escaped => in_code = !in_code,
            // An escape is left out with what it takes the meaning from.
            c if !in_code && escaped && c.is_ascii_punctuation() => {
                out.pop();
            }
            c if !in_code => out.push(c),
            _ => {}
        }
        escaped = c == '\\' && !escaped && !in_code;
    }
    assert!(!in_code, "code without an end: {line}");
    out
}

#[test]
fn names_of_files_command_nobody() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    let folder = "contracts/a\n##vso[task.complete]\u{1b}[2J\n::add-mask::x";
    repo.write(&format!("{folder}/v1.odcs.yaml"), "id: [\n");
    repo.write(
        &format!("{folder}/v2.odcs.yaml"),
        &CONTRACT.replace("logicalType: string", "logicalType: strin"),
    );
    for args in [
        &["ci", "--base", "main"][..],
        &["ci", "--base", "main", "--output", "text"],
        &["ci", "--base", "main", "--output", "markdown"],
        &["lint", "."],
        &["lint", ".", "--output", "github"],
        &["lint", ".", "--output", "azure"],
        &["lint", ".", "--output", "json"],
        &["diff", "--base", "main"],
        &["test", "."],
        &["preview", "--old", "main:contracts", "--new", "contracts", "none.jsonl"],
        &["bundle", ".", "--out", "b"],
    ] {
        for service in [("TF_BUILD", "True"), ("GITHUB_ACTIONS", "true")] {
            let (code, out, err) = tidegate(repo.here(), args, &[service]);
            assert_ne!(code, 0, "{args:?}: {out}{err}");
            for text in [&out, &err] {
                assert_eq!(commands(text), Vec::<&str>::new(), "{args:?} {service:?}\n{text}");
                assert!(!text.contains('\u{1b}'), "{args:?}\n{text:?}");
            }
        }
    }
}
