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

/// The bare repository that files of a commit can be: its only branch holds the change as if it had always been so.
fn own_history(repo: &Repo, folder: &str) {
    let other = Repo::new();
    other.edit("logicalType: string, required: true", "logicalType: string");
    other.commit();
    let to = repo.here().join(folder);
    for name in ["HEAD", "config", "objects", "refs"] {
        let status = std::process::Command::new("cp")
            .arg("-r")
            .arg(other.here().join(".git").join(name))
            .arg(&to)
            .status()
            .unwrap();
        assert!(status.success());
    }
}

#[test]
fn a_change_cannot_bring_a_history_of_its_own() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.edit("logicalType: string, required: true", "logicalType: string");
    own_history(&repo, "contracts");
    for args in [
        &["ci", "--base", "main", "contracts", "--output", "json"][..],
        &["lint", "--base", "main", "contracts", "--output", "json"],
        &["lint", "contracts", "--output", "json"],
    ] {
        let (code, out, err) = repo.run(args);
        assert_eq!(code, 1, "{args:?} {out}{err}");
        assert!(out.contains("a repository inside of the repository"), "{out}");
    }
    // It is the history of the working tree that a difference is taken from, too.
    let (_, out, err) = repo.run(&["diff", "--base", "main", "contracts"]);
    assert!(out.contains("`id`"), "{out}{err}");
    let (_, out, err) = tidegate(&repo.here().join("contracts"), &["diff", "main:contracts", "."], &[]);
    assert!(out.contains("`id`"), "{out}{err}");
}

#[cfg(unix)]
#[test]
fn links_that_are_named_do_not_lead_out() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("o.odcs.yaml"), "SECRET-KEY: 1\n").unwrap();
    std::fs::write(outside.path().join("x.schema.json"), "{\"type\": \"SECRET-TYPE\"}").unwrap();
    let repo = Repo::new();
    symlink(outside.path().join("o.odcs.yaml"), repo.here().join("contracts/file.odcs.yaml")).unwrap();
    symlink(outside.path(), repo.here().join("contracts/folder")).unwrap();
    symlink(outside.path(), repo.here().join("schemas")).unwrap();
    symlink("orders", repo.here().join("contracts/inside")).unwrap();
    std::process::Command::new("mkfifo")
        .arg(repo.here().join("contracts/pipe.odcs.yaml"))
        .status()
        .unwrap();
    for path in [
        "contracts/file.odcs.yaml",
        "contracts/folder",
        "contracts/folder/o.odcs.yaml",
        "contracts/../contracts/folder",
    ] {
        let (code, out, err) = repo.run(&["lint", path]);
        assert!(code == 1 && out.contains("out of the repository"), "{path}: {code} {out}{err}");
        assert!(!out.contains("SECRET") && !err.contains("SECRET"), "{out}{err}");
        let (code, out, err) = repo.run(&["test", path]);
        assert!(code == 2 && !out.contains("SECRET") && !err.contains("SECRET"), "{code} {out}{err}");
    }
    let (code, out, _) = repo.run(&["lint", "contracts/inside"]);
    assert_eq!(code, 0, "a link that stays is one: {out}");
    let (code, out, _) = repo.run(&["lint", "."]);
    assert!(
        code == 1 && out.contains("pipe.odcs.yaml") && out.contains("not a regular file"),
        "{out}"
    );
    assert!(!out.contains("SECRET"), "{out}");
}

#[test]
fn a_submodule_is_not_reviewed_as_the_repository_around_it() {
    let (inner, repo) = (Repo::new(), Repo::new());
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.git(&["rm", "-q", "-r", "contracts"]);
    let from = inner.here().to_str().unwrap();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", from, "contracts"]);
    repo.commit();
    let (code, out, err) = repo.run(&["ci", "--base", "main", "contracts", "--output", "json"]);
    assert!(code == 2 && err.contains("is a submodule of"), "{code} {out}{err}");
    let (code, out, err) = repo.run(&["ci", "--base", "main", "--output", "json"]);
    assert!(code != 0 && out.contains("submodule"), "{code} {out}{err}");
}

#[cfg(unix)]
#[test]
fn what_lies_beside_contracts_is_read_in_the_repository_only() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let place = outside.path().join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    };
    put("consumers/a.yaml", "consumer: SECRET\nowner: x\nreads: [{contract: orders}]\n");
    put("github/CODEOWNERS", "/ @SECRET\n");
    put("contracts/a.odcs.yaml", "SECRET: 1\n");
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    for (name, to) in [("consumers", "consumers"), (".github", "github")] {
        std::fs::remove_dir_all(repo.here().join(name)).unwrap();
        symlink(outside.path().join(to), repo.here().join(name)).unwrap();
    }
    symlink(outside.path().join("contracts"), repo.here().join("other")).unwrap();
    for args in [
        &["lint", "."][..],
        &["ci", "--base", "main", "--output", "text"],
        &["diff", "--base", "main"],
        &["diff", "main:contracts", "other"],
        &["diff", "other/a.odcs.yaml", "contracts/orders/v1.odcs.yaml"],
        &["preview", "--old", "main:contracts", "--new", "other", "none.jsonl"],
    ] {
        let (_, out, err) = repo.run(args);
        assert!(!out.contains("SECRET") && !err.contains("SECRET"), "{args:?} {out}{err}");
        assert!(
            args[0] == "diff" && args[1] == "--base" || [&out, &err].iter().any(|text| text.contains("not followed")),
            "{args:?} {out}{err}"
        );
    }
    // Above the root of the repository nothing is looked for.
    let repo = Repo::new();
    let root = outside.path().join("repo");
    std::fs::rename(repo.here(), &root).unwrap();
    std::fs::remove_dir_all(root.join("consumers")).unwrap();
    put("schemas/x.json", "SECRET");
    let (code, out, err) = tidegate(&root, &["lint", "."], &[]);
    assert!(code == 0 && !out.contains("SECRET"), "{out}{err}");
    std::fs::create_dir(repo.here()).unwrap();
}

#[cfg(unix)]
#[test]
fn reports_are_not_written_through_links() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("there"), "mine").unwrap();
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    symlink(outside.path().join("there"), repo.here().join("there.md")).unwrap();
    symlink(outside.path().join("new"), repo.here().join("new.md")).unwrap();
    symlink(outside.path(), repo.here().join("folder")).unwrap();
    for (flag, file) in [
        ("--comment", "there.md"),
        ("--comment", "new.md"),
        ("--junit", "folder/x.xml"),
        ("--sarif", "there.md"),
        ("--code-quality", "folder/y"),
    ] {
        let (code, out, err) = repo.run(&["ci", "--base", "main", flag, file]);
        assert!(
            code == 2 && err.contains("nothing is written through it"),
            "{file}: {code} {out}{err}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(outside.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["there"]);
    assert_eq!(std::fs::read_to_string(outside.path().join("there")).unwrap(), "mine");
    let (code, out, err) = repo.run(&["ci", "--base", "main", "--comment", "comment.md", "--junit", "./contracts/x.xml"]);
    assert_eq!(code, 0, "{out}{err}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    let named = |bytes: &[u8]| repo.here().join("contracts").join(std::ffi::OsStr::from_bytes(bytes));
    std::fs::write(named(b"\xfe.odcs.yaml"), CONTRACT.replace("orders", "other")).unwrap();
    std::fs::create_dir(named(b"\xff")).unwrap();
    std::fs::write(named(b"\xff/v1.odcs.yaml"), CONTRACT.replace("orders", "third")).unwrap();
    for args in [&["lint", "."][..], &["ci", "--base", "main", "--output", "text"]] {
        let (code, out, err) = repo.run(args);
        assert!(
            code == 1 && out.matches("the name is not UTF-8").count() == 2,
            "{args:?} {code} {out}{err}"
        );
    }
}
