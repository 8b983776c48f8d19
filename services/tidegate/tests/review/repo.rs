//! A repository of contracts with a history, and the executable in it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

pub(crate) const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
team: {name: shop}
schema:
  - name: orders
    physicalType: topic
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: total, logicalType: number, physicalType: 'decimal(12,2)', required: true}
    quality:
      - {id: positive, type: custom, engine: cel, implementation: value.total > 0.0}
";

pub(crate) const CONSUMER: &str = "consumer: finance
owner: '@acme/finance'
contact: finance@example.com
reads:
  - contract: orders
    fields: [total]
";

pub(crate) const EXPECTED: &str = "now: '2026-01-01T00:00:00Z'
invalid:
  free.json: [positive]
  no_id.json: [required at /id]
";

pub(crate) struct Repo {
    pub(crate) folder: tempfile::TempDir,
}

impl Repo {
    /// A repository with a good commit on `main`.
    pub(crate) fn new() -> Repo {
        let repo = Repo {
            folder: tempfile::tempdir().unwrap(),
        };
        repo.git(&["init", "-q", "-b", "main"]);
        repo.write("contracts/orders/v1.odcs.yaml", CONTRACT);
        repo.write("contracts/orders/tests/valid/one.json", "{\"id\":\"a\",\"total\":1.50}\n");
        repo.write("contracts/orders/tests/invalid/free.json", "{\"id\":\"a\",\"total\":0.00}\n");
        repo.write("contracts/orders/tests/invalid/no_id.json", "{\"total\":1.50}\n");
        repo.write("contracts/orders/tests/expected.yaml", EXPECTED);
        repo.write("consumers/finance.yaml", CONSUMER);
        repo.write(".github/CODEOWNERS", "/contracts/ @acme/shop\n");
        repo.commit();
        repo
    }

    pub(crate) fn here(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.here())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?} {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.here().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = self.here().join("contracts/orders/v1.odcs.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}\n{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "-m", "c"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        tidegate(self.here(), args, &[])
    }

    pub(crate) fn ci(&self) -> (i32, Value) {
        let (code, out, err) = self.run(&["ci", "--base", "main", "--output", "json"]);
        (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}\n{err}")))
    }
}

pub(crate) fn tidegate(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    for name in ["GITHUB_ACTIONS", "TF_BUILD", "GITLAB_CI", "GITHUB_STEP_SUMMARY"] {
        command.env_remove(name);
    }
    let output = command
        .args(args)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Codes of errors, with their lines.
pub(crate) fn errors(review: &Value) -> Vec<String> {
    let found = review["findings"].as_array().unwrap().iter();
    let errors = found.filter(|one| one["level"] == "error");
    errors
        .map(|one| {
            format!(
                "{} {}:{}",
                one["code"].as_str().unwrap(),
                one["file"].as_str().unwrap(),
                one["line"]
            )
        })
        .collect()
}

pub(crate) fn step<'v>(review: &'v Value, name: &str) -> &'v str {
    let steps = review["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["name"] == name)
        .map_or("", |step| step["result"].as_str().unwrap())
}
