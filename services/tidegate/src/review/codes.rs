//! Diagnostic codes of reviews, TG03xx: tests beside contracts, consumers, owners, history. Those of contracts are `tidegate_contract::codes`.

use tidegate_contract::codes::Code;

pub(crate) const HISTORY: &str = "TG0301";
pub(crate) const STANDARD: &str = "TG0302";
pub(crate) const TEST_LAYOUT: &str = "TG0310";
pub(crate) const TEST_EXPECTATIONS: &str = "TG0311";
pub(crate) const TEST_VALID_FAILS: &str = "TG0312";
pub(crate) const TEST_INVALID_PASSES: &str = "TG0313";
pub(crate) const TEST_OTHER_RULES: &str = "TG0314";
pub(crate) const TEST_UNTESTED_RULE: &str = "TG0315";
pub(crate) const TEST_NONE: &str = "TG0316";
pub(crate) const CONSUMER_FILE: &str = "TG0320";
pub(crate) const CONSUMER_CONTRACT: &str = "TG0321";
pub(crate) const CONSUMER_FIELD: &str = "TG0322";
pub(crate) const CONSUMER_HIT: &str = "TG0323";
pub(crate) const OWNERS_FILE: &str = "TG0330";
pub(crate) const NO_OWNER: &str = "TG0331";
pub(crate) const OTHER_OWNER: &str = "TG0332";
pub(crate) const VERSION_STEP: &str = "TG0340";
pub(crate) const GONE: &str = "TG0341";
pub(crate) const BASE: &str = "TG0342";
pub(crate) const UNANNOUNCED: &str = "TG0343";

/// The table, in the order of the ids.
pub(crate) const ALL: &[Code] = &[
    Code {
        id: HISTORY,
        title: "the history is not whole",
        explanation: "Whether a published version still says what it said can only be told from the commits that published it. A shallow clone \
            holds the newest ones only, so what was published before them is not known here. Fetch the whole branch: `fetch-depth: 0` of \
            actions/checkout, `GIT_DEPTH: 0` of GitLab, `fetchDepth: 0` of Azure Pipelines, or `git fetch --unshallow`.",
    },
    Code {
        id: STANDARD,
        title: "not the form of the standard",
        explanation: "The JSON Schema of the Open Data Contract Standard 3.2.0 refuses this place, so other tools of the standard may refuse the file, \
            although Tidegate can read it. Names of one's own belong under `customProperties`. In a file whose `apiVersion` is older it is a note: \
            the schema is that of 3.2.0.",
    },
    Code {
        id: TEST_LAYOUT,
        title: "tests that belong to no contract",
        explanation: "`tests/` stands in the folder of a contract and holds `valid/`, `invalid/` and `expected.yaml`. Where the folder has several \
            contract files, each has its own below `tests/`, named like the file without `.odcs.yaml`: `tests/v1/valid`. Events end in `.json` \
            (one value), `.jsonl` (one a line, or `@` and a JSON object with key, value and headers) or `.bin` (the bytes of one value). Links \
            are not followed.",
    },
    Code {
        id: TEST_EXPECTATIONS,
        title: "expectations that cannot be used",
        explanation: "`tests/expected.yaml` may hold `now`, `object`, `key`, `headers`, `avroSchema`, `valid` and `invalid`. The last two map a file of \
            that folder (for `.jsonl` with `:` and the line behind it, where lines differ) to the rules that its event trips, each written as \
            `rule` or `rule at /pointer`. Every event of `invalid/` must be named, so that it cannot fail for another reason unseen.",
    },
    Code {
        id: TEST_VALID_FAILS,
        title: "an event of tests/valid does not pass",
        explanation: "Either the contract refuses what its author means to accept, or the event is not what producers send. `tidegate try` shows the \
            place in the event and in the contract.",
    },
    Code {
        id: TEST_INVALID_PASSES,
        title: "an event of tests/invalid passes",
        explanation: "The contract accepts what its author means to refuse. Either a rule is missing, was loosened, or is switched off.",
    },
    Code {
        id: TEST_OTHER_RULES,
        title: "an event trips other rules than named",
        explanation: "An event of tests/invalid must trip exactly the rules that expected.yaml names for it; one of tests/valid may trip warnings that \
            are named. Otherwise a rule can stop working while its example still fails, for another reason.",
    },
    Code {
        id: TEST_UNTESTED_RULE,
        title: "a rule that no example trips",
        explanation: "No event under tests trips this quality rule, so nobody has seen it work. Add an event that breaks this rule and nothing else.",
    },
    Code {
        id: TEST_NONE,
        title: "a contract without tests",
        explanation: "Nothing beside the contract shows what it accepts and what it refuses. Add `tests/valid` and `tests/invalid` in its folder.",
    },
    Code {
        id: CONSUMER_FILE,
        title: "a file of consumers that cannot be used",
        explanation: "A file of `consumers/` has `consumer`, `owner`, `contact` and `reads`; an entry of `reads` has `contract`, and may have `version` \
            (a major version), `object` and `fields` (dotted paths, `[]` for items; left out: everything).",
    },
    Code {
        id: CONSUMER_CONTRACT,
        title: "a consumer of a contract that does not exist",
        explanation: "`contract` is the `id` of a contract of this repository, `version` a major version of it, `object` one of its objects. A consumer \
            that names something else would never be told about a change.",
    },
    Code {
        id: CONSUMER_FIELD,
        title: "a consumer of a field that does not exist",
        explanation: "`fields` are dotted paths of ODCS names inside of the object, with `[]` behind a list for what is in it. When a field is removed, the \
            consumers that read it must have moved on: change their files in the same pull request.",
    },
    Code {
        id: CONSUMER_HIT,
        title: "a change that a consumer feels",
        explanation: "A declared consumer reads what this change removes, renames or loosens. Its owner should agree before the merge.",
    },
    Code {
        id: OWNERS_FILE,
        title: "a line of CODEOWNERS that is not understood",
        explanation: "The service that reads the file would ignore the line, or read it otherwise than it looks.",
    },
    Code {
        id: NO_OWNER,
        title: "a contract without an owner",
        explanation: "The repository has a CODEOWNERS file and no pattern of it gives this file an owner, so anybody may approve a change of the contract. \
            Add a line with its folder and the team; the last pattern that matches counts, and one without owners takes ownership away.",
    },
    Code {
        id: OTHER_OWNER,
        title: "the team of a contract does not own its file",
        explanation: "`team` of the contract names who answers for it, CODEOWNERS names somebody else for its file. Owners are compared by their last part: \
            `@acme/payments-core` is the team `payments-core`.",
    },
    Code {
        id: VERSION_STEP,
        title: "a version that rises too little",
        explanation: "The changes demand more of the version than its author wrote. `tidegate diff` lists them with their grades; versions of a released \
            contract are relied on, and the major number selects the folder of the lake.",
    },
    Code {
        id: GONE,
        title: "an enforced contract is gone",
        explanation: "Events of its topics would become dead letters without a word in the contract. Set `status: retired` first and remove the file later.",
    },
    Code {
        id: BASE,
        title: "the base does not load",
        explanation: "Contracts of the commit that a change is compared with have errors, so workers stayed on an earlier commit. The change is compared \
            with the last commit before it whose contracts load.",
    },
    Code {
        id: UNANNOUNCED,
        title: "a change that no version announces",
        explanation: "Producers or readers feel it, and no version rises for it: a status changed, so that another version judges the events; a \
            contract is new and takes events of another, or asks something of all events of a topic that it shares (`dataSchemas`, \
            `schemaIds`, `onFailure`); a proposal is gone that let everything pass. Nothing is wrong with it: whoever feels it should know \
            before the merge. `tidegate preview` counts the events that would newly fail.",
    },
];

/// The code of that id, in any case.
pub(crate) fn explain(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_are_explained() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
        for code in ALL {
            assert!(
                code.title.len() > 5 && code.explanation.len() > 30 && code.id.len() == 6,
                "{}",
                code.id
            );
        }
        assert_eq!(explain("tg0331").unwrap().id, NO_OWNER);
        assert!(explain("TG0399").is_none());
    }
}
