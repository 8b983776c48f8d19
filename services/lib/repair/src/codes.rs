//! Diagnostic codes of repair files.

use tidegate_contract::codes::Code;

/// The file does not say what to do.
pub(crate) const FILE: Code = Code {
    id: "TG0401",
    title: "a repair file that cannot be read",
    explanation: "A repair file is YAML: `tidegate: repair/v1`, and under `steps` a list of which each entry has exactly one of set (with \
                  value), remove, rename (with to) and cast (with to), and perhaps a condition under when. Places are JSON Pointers such \
                  as /customer/email; `*` stands for every item of a list. A key that is misspelt would silently leave a step out, so it \
                  is an error.",
};

/// A condition without a binding, or one that does not compile.
pub(crate) const CONDITION: Code = Code {
    id: "TG0402",
    title: "a condition of a repair that does not compile",
    explanation: "`when` holds a CEL expression with the variables of row rules (value, before, op, source, key, headers, meta, now), \
                  compiled against the contract object that will judge the repaired event. It must be true or false.",
};

/// The table, in the order of the ids.
pub const ALL: &[Code] = &[FILE, CONDITION];

/// The code of that id, in any case.
pub fn explain(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}
