//! DuckDB, which did not write the lake.

use std::path::Path;
use std::process::Command;

use crate::stand::Stand;

/// Runs one query in `folder`; rows as JSON lists.
pub fn duckdb(stand: &Stand, folder: &Path, sql: &str) -> Vec<Vec<serde_json::Value>> {
    let program = "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall(), default=str))";
    let output = Command::new("python3")
        .args(["-c", program, sql])
        .env("PYTHONPATH", stand.text("readers", "pythonpath"))
        .current_dir(folder)
        .output()
        .expect("python3 is there");
    assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the program prints JSON")
}
