//! Asks the judge what a value may be declared as, so that a guess and a verdict can never disagree.

use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, Plan, SchemaLookup, SchemaNeed, Verdict, compile};

/// What text may stand for, the narrowest first.
pub(crate) const TEXTS: [Text; 8] = [
    Text::Uuid,
    Text::Timestamp,
    Text::LocalTimestamp,
    Text::Date,
    Text::Time,
    Text::Email,
    Text::Ipv4,
    Text::Ipv6,
];

/// A meaning of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Uuid,
    Timestamp,
    LocalTimestamp,
    Date,
    Time,
    Email,
    Ipv4,
    Ipv6,
}

/// Plans for one property of each type, and a judge.
#[derive(Debug)]
pub(crate) struct Probes {
    judge: Judge,
    texts: Vec<Plan>,
    integer: Plan,
    float: Plan,
    event: Vec<u8>,
}

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

// === impl Probes ===

impl Probes {
    pub(crate) fn new() -> Probes {
        Probes {
            judge: Judge::new(),
            texts: TEXTS.iter().map(|text| plan(text.clauses())).collect(),
            integer: plan("logicalType: integer, logicalTypeOptions: {format: i64}"),
            float: plan("logicalType: number, logicalTypeOptions: {format: f64}"),
            event: Vec::new(),
        }
    }

    /// Which of [`TEXTS`] a text may be, of those in `among`; bit n is number n.
    pub(crate) fn texts(&mut self, text: &str, among: u8) -> u8 {
        // All of them are short.
        if among == 0 || text.len() > 254 {
            return 0;
        }
        let Ok(written) = serde_json::to_string(text) else { return 0 };
        let mut fitting = 0;
        for number in 0..TEXTS.len() {
            if among & (1 << number) != 0 && accepts(&mut self.judge, &mut self.event, &self.texts[number], &written) {
                fitting |= 1 << number;
            }
        }
        fitting
    }

    /// Whether a JSON number is a 64-bit integer.
    pub(crate) fn is_integer(&mut self, number: &str) -> bool {
        accepts(&mut self.judge, &mut self.event, &self.integer, number)
    }

    /// Whether a JSON number is within `f64`.
    pub(crate) fn is_float(&mut self, number: &str) -> bool {
        accepts(&mut self.judge, &mut self.event, &self.float, number)
    }
}

// === impl Text ===

impl Text {
    /// As YAML in braces.
    fn clauses(self) -> &'static str {
        match self {
            Text::Uuid => "logicalType: string, logicalTypeOptions: {format: uuid}",
            Text::Timestamp => "logicalType: timestamp",
            Text::LocalTimestamp => "logicalType: timestamp, logicalTypeOptions: {timezone: false}",
            Text::Date => "logicalType: date",
            Text::Time => "logicalType: time",
            Text::Email => "logicalType: string, logicalTypeOptions: {format: email}",
            Text::Ipv4 => "logicalType: string, logicalTypeOptions: {format: ipv4}",
            Text::Ipv6 => "logicalType: string, logicalTypeOptions: {format: ipv6}",
        }
    }
}

fn accepts(judge: &mut Judge, event: &mut Vec<u8>, plan: &Plan, written: &str) -> bool {
    event.clear();
    event.extend_from_slice(b"{\"v\":");
    event.extend_from_slice(written.as_bytes());
    event.push(b'}');
    let input = Input {
        key: None,
        value: Some(event),
        headers: &[],
        now: 0,
    };
    matches!(judge.judge(plan, &input, "probe", &NoSchemas, &mut ()), Verdict::Valid { notes, .. } if notes.is_empty())
}

fn plan(clauses: &str) -> Plan {
    let text = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: probe\nversion: 1.0.0\nstatus: active\nschema:\n  - name: probe\n    physicalType: topic\n    \
         properties:\n      - {{name: v, {clauses}}}\n"
    );
    let (contract, _) = tidegate_contract::parse("probe", &text);
    let contract = contract.expect("the text above is a contract");
    compile(&contract, 0).expect("and it compiles")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_the_judge_takes_them_for() {
        let mut probes = Probes::new();
        let mut first = |text: &str| {
            let fitting = probes.texts(text, u8::MAX);
            TEXTS
                .iter()
                .enumerate()
                .find(|(number, _)| fitting & (1 << number) != 0)
                .map(|(_, text)| *text)
        };
        assert_eq!(first("7d444840-9dc0-11d1-b245-5ffdce74fad2"), Some(Text::Uuid));
        assert_eq!(first("2026-11-21T09:30:00Z"), Some(Text::Timestamp));
        assert_eq!(first("2026-11-21"), Some(Text::Date));
        assert_eq!(first("ann@example.com"), Some(Text::Email));
        assert_eq!(first("10.0.0.1"), Some(Text::Ipv4));
        assert_eq!(first("hello"), None);
        assert!(probes.is_integer("9223372036854775807") && !probes.is_integer("9223372036854775808") && !probes.is_integer("1.5"));
        assert!(probes.is_float("1.5e3") && !probes.is_float("1e999"));
    }
}
