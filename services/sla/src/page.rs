//! The report as one HTML page that needs nothing else: no script, no font, no image from anywhere.

use std::fmt::Write as _;

use tidegate_objectives::completeness::Accounted;

use crate::document::instant;
use crate::junit::escaped;
use crate::report::{Entry, Outcome, Report};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#d5d9e0;--soft:#f4f6f9;--text:#1b2430;--dim:#5b6675;--pass:#17703a;--warn:#8a5a00;--fail:#b3261e;--error:#6b3fa0}\
@media(prefers-color-scheme:dark){:root{--line:#39424f;--soft:#1d242d;--text:#e6eaf0;--dim:#9aa6b5;--pass:#5fc88a;--warn:#e0b050;--fail:#ff8a80;--error:#c3a0f0}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);max-width:1200px;margin:2rem auto;padding:0 1.2rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0;color:var(--dim)}\
.counts{display:flex;gap:.6rem;flex-wrap:wrap;margin:1rem 0}.counts div{border:1px solid var(--line);border-radius:.5rem;padding:.4rem .9rem;background:var(--soft)}\
.counts b{display:block;font-size:1.4rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line)}\
th{font-weight:600;color:var(--dim);font-size:.85rem}td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.w{overflow-wrap:anywhere;min-width:8.5rem}th.n{text-align:right}\
.pass{color:var(--pass)}.warn{color:var(--warn)}.fail{color:var(--fail)}.error{color:var(--error)}.skip{color:var(--dim)}\
.s{font-weight:700;white-space:nowrap}details{margin-top:.2rem;color:var(--dim)}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.5rem;border-radius:.3rem;margin:.3rem 0}\
.wrap{overflow-x:auto}";

// === impl Report ===

impl Report {
    /// The page.
    pub fn to_html(&self) -> String {
        let counts = self.counts();
        let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        let _ = writeln!(
            out,
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>SLA report</title>"
        );
        let _ = writeln!(out, "<style>{STYLE}</style>\n</head>\n<body>\n<h1>SLA report</h1>");
        let _ = writeln!(
            out,
            "<p>Looked at {} by the contracts of commit {}.</p>\n<div class=\"counts\">",
            escaped(&instant(self.observed_at)),
            escaped(&self.commit)
        );
        for (class, count, what) in [
            ("pass", counts.pass, "kept"),
            ("warn", counts.warn, "broken, warning only"),
            ("fail", counts.fail, "broken"),
            ("error", counts.error, "could not be told"),
            ("skip", counts.skip, "not decided here"),
        ] {
            let _ = writeln!(out, "<div><b class=\"{class}\">{count}</b>{what}</div>");
        }
        out.push_str("</div>\n");
        for contract in self.contracts() {
            let part = self.of(&contract);
            let _ = writeln!(out, "<h2>{}</h2>\n<div class=\"wrap\"><table>", escaped(&contract.to_string()));
            out.push_str("<tr><th>status</th><th>what</th><th>rule</th><th class=\"n\">measured</th><th class=\"n\">promise</th><th class=\"n\">budget left</th><th>in words</th></tr>\n");
            for entry in &part.entries {
                judged(&mut out, entry);
            }
            for skipped in &part.not_executed {
                let clause = &skipped.clause;
                let _ = writeln!(
                    out,
                    "<tr><td class=\"s skip\">skip</td><td class=\"w\">{}</td><td class=\"w\">{}</td><td></td><td></td><td></td><td class=\"w\">{}</td></tr>",
                    escaped(&clause.place()),
                    escaped(&clause.rule),
                    escaped(&skipped.why)
                );
            }
            out.push_str("</table></div>\n");
        }
        let _ = writeln!(
            out,
            "<p>{} row rules are checked on every record by the validator. The page holds no content of events.</p>\n</body>\n</html>",
            self.per_record
        );
        out
    }
}

fn judged(out: &mut String, entry: &Entry) {
    let status = entry.outcome.as_str();
    let (value, limit) = match &entry.measured {
        Some(measured) => (
            format!("{} {}", short(&measured.value), measured.unit),
            format!("{} {}", measured.limit, measured.unit),
        ),
        None => ("?".to_owned(), String::new()),
    };
    let budget = entry.measured.as_ref().and_then(|measured| measured.budget.as_ref());
    let left = budget.map_or_else(String::new, |budget| format!("{:.1} %", budget.remaining() * 100.0));
    let class = match entry.outcome {
        Outcome::Pass => "pass",
        Outcome::Warn => "warn",
        Outcome::Fail => "fail",
        Outcome::Error => "error",
    };
    let mut more = String::new();
    if let Some(budget) = budget {
        let burns: Vec<String> = budget
            .windows
            .iter()
            .map(|(name, good, bad)| format!("{name}: {:.2} ({bad} of {})", budget.burn(*good, *bad), good + bad))
            .collect();
        let _ = write!(
            more,
            "<details><summary>burn rates</summary><pre>{}</pre></details>",
            escaped(&burns.join("\n"))
        );
    }
    if let Some(known) = &entry.completeness {
        let lines: Vec<String> = known.partitions.iter().map(Accounted::line).collect();
        let _ = write!(
            more,
            "<details><summary>partitions</summary><pre>{}</pre></details>",
            escaped(&lines.join("\n"))
        );
    }
    if let Some(query) = &entry.evidence {
        let _ = write!(more, "<details><summary>query</summary><pre>{}</pre></details>", escaped(query));
    }
    let _ = writeln!(
        out,
        "<tr><td class=\"s {class}\">{status}</td><td class=\"w\">{}</td><td class=\"w\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{left}</td><td class=\"w\">{}{more}</td></tr>",
        escaped(&entry.clause.place()),
        escaped(&entry.clause.rule_with_metric()),
        escaped(&value),
        escaped(&limit),
        escaped(&entry.says)
    );
}

/// Six digits after the point are enough on a page.
fn short(value: &str) -> String {
    match value.split_once('.') {
        Some((whole, fraction)) if fraction.len() > 6 && fraction.is_ascii() && !fraction.contains(['e', 'E']) => {
            format!("{whole}.{}", &fraction[..6])
        }
        _ => value.to_owned(),
    }
}
