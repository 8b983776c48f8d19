//! CODEOWNERS as GitHub and GitLab read it: who owns a file, and whether that is the team of the contract.

use std::path::Path;
use std::sync::Arc;

use tidegate_contract::{Contract, ContractFile, Diagnostic, Level};

use super::{codes, finding, shown, side_file};

/// Where the services look, the first that is there counts.
const PLACES: [&str; 4] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// A file of owners.
#[derive(Debug)]
pub(crate) struct Owners {
    pub(crate) file: ContractFile,
    /// GitLab's sections; GitHub's whole file is one without a name.
    sections: Vec<Section>,
    pub(crate) found: Vec<Diagnostic>,
}

#[derive(Debug, Default)]
struct Section {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    owners: Vec<String>,
    /// Takes files out of the section (GitLab).
    excludes: bool,
}

/// A path pattern, split at `/`.
#[derive(Debug)]
struct Pattern {
    parts: Vec<String>,
    /// Counts from the root; else it may begin in any folder.
    is_anchored: bool,
    /// Ends in `/`: only folders, and with them everything below.
    is_folder: bool,
}

// === impl Owners ===

impl Owners {
    /// The file of the repository at `root`; none when it has none.
    pub(crate) fn read(root: &Path) -> Option<Owners> {
        let (place, path) = PLACES
            .into_iter()
            .map(|place| (place, root.join(place)))
            .find(|(_, path)| path.symlink_metadata().is_ok())?;
        let name = match std::env::current_dir().ok().and_then(|here| here.canonicalize().ok()) {
            Some(here) => path.strip_prefix(&here).map_or_else(|_| shown(&path), shown),
            None => shown(&path),
        };
        Some(match side_file(&path) {
            Ok(text) => Owners::parse(&name, &text, place.starts_with(".gitlab")),
            Err(problem) => Owners {
                file: ContractFile {
                    path: name.as_str().into(),
                    text: String::new(),
                },
                sections: Vec::new(),
                found: vec![finding(
                    codes::OWNERS_FILE,
                    Level::Error,
                    (&name, 1, 1),
                    problem,
                    "make it a plain text file",
                )],
            },
        })
    }

    fn parse(file: &str, text: &str, is_gitlab: bool) -> Owners {
        // Sections are GitLab's; where there is one, the file is meant for it.
        let is_gitlab = is_gitlab || text.lines().any(|line| section(line.trim()).is_some());
        let mut owners = Owners {
            file: ContractFile {
                path: file.into(),
                text: text.to_owned(),
            },
            sections: vec![Section::default()],
            found: Vec::new(),
        };
        let mut defaults: Vec<String> = Vec::new();
        for (number, line) in (1_u32..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((name, rest)) = section(line).filter(|_| is_gitlab) {
                defaults = words(rest);
                // A section that is named twice is one.
                let at = owners.sections.iter().position(|section| section.name.eq_ignore_ascii_case(name));
                let section = match at {
                    Some(at) => owners.sections.remove(at),
                    None => Section {
                        name: name.to_owned(),
                        rules: Vec::new(),
                    },
                };
                owners.sections.push(section);
                continue;
            }
            let mut all = words(line).into_iter();
            let Some(mut pattern) = all.next() else { continue };
            // Behind a space, `#` begins a comment.
            let named: Vec<String> = all.take_while(|word| !word.starts_with('#')).collect();
            let excludes = is_gitlab && pattern.starts_with('!');
            if excludes {
                pattern.remove(0);
            }
            let refused = match pattern.chars().next() {
                Some('!') => Some("GitHub knows no pattern that begins with `!`"),
                _ if !is_gitlab && pattern.contains(['[', ']']) => Some("GitHub knows no ranges of characters"),
                _ => None,
            };
            let stranger = named.iter().find(|owner| !is_owner(owner));
            if let Some(problem) = refused {
                let place = (file, number, 1);
                owners
                    .found
                    .push(finding(codes::OWNERS_FILE, Level::Warning, place, problem, "write the paths out"));
                continue;
            }
            if let Some(stranger) = stranger {
                let problem = format!("`{stranger}` is neither a user, a team nor an address");
                let help = "write `@user`, `@group/team` or a mail address";
                owners
                    .found
                    .push(finding(codes::OWNERS_FILE, Level::Warning, (file, number, 1), problem, help));
                // GitHub passes over the whole line.
                continue;
            }
            let rule = Rule {
                pattern: Pattern::parse(&pattern, is_gitlab),
                owners: if named.is_empty() { defaults.clone() } else { named },
                excludes,
            };
            owners.sections.last_mut().expect("there is one from the start").rules.push(rule);
        }
        owners
    }

    /// Owners of a file, by its path below the root with `/`: of each section what its last matching pattern says.
    pub(crate) fn of(&self, path: &str) -> Vec<&str> {
        let mut owners = Vec::new();
        for section in &self.sections {
            let matching = |rule: &&Rule| rule.pattern.matches(path);
            if section.rules.iter().filter(|rule| rule.excludes).any(|rule| matching(&rule)) {
                continue;
            }
            if let Some(rule) = section.rules.iter().rev().find(matching) {
                owners.extend(rule.owners.iter().map(String::as_str));
            }
        }
        owners
    }

    /// What is wrong about the owner of a contract; `path` counts from the root.
    pub(crate) fn check(&self, contract: &Contract, path: &str) -> Option<Diagnostic> {
        let owners = self.of(path);
        let file = &contract.location.file;
        if owners.is_empty() {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let team = contract.team.as_deref().map_or_else(|| "team".to_owned(), slug);
            let help = format!("add `/{folder}/ @your-organization/{team}` to {}", self.file.path);
            let problem = format!("nobody owns {path} by {}", self.file.path);
            return Some(finding(codes::NO_OWNER, Level::Error, (file, 1, 1), problem, help));
        }
        let team: &Arc<str> = contract.team.as_ref()?;
        let name = slug(team);
        if owners.iter().any(|owner| last_part(owner) == name) {
            return None;
        }
        let node = contract.document.get("team").map(|team| team.get("name").unwrap_or(team));
        let place = node.map_or((1, 1), |node| (node.line, node.column));
        let problem = format!(
            "the team is `{team}`, and {} gives the file to {}",
            self.file.path,
            owners.join(", ")
        );
        let help = "let one of them be the team, or change `team`";
        Some(finding(codes::OTHER_OWNER, Level::Warning, (file, place.0, place.1), problem, help))
    }
}

/// `[Name]`, `^[Name]` and `[Name][2]`, with what stands behind: GitLab's head of a section.
fn section(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (name, rest) = rest.split_once(']')?;
    let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((number, rest)) if number.chars().all(|c| c.is_ascii_digit()) => rest,
        _ => rest,
    };
    // `[ab].txt @x` is a pattern.
    (!name.is_empty() && (rest.is_empty() || rest.starts_with(char::is_whitespace))).then_some((name, rest))
}

/// Words between spaces; `\ ` is a space of a path.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('\\', Some(next)) if matches!(next, ' ' | '#' | '\\') => {
                words.last_mut().expect("never empty").push(*next);
                characters.next();
            }
            (c, _) if c.is_whitespace() => words.push(String::new()),
            (c, _) => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_owner(word: &str) -> bool {
    word.strip_prefix('@').is_some_and(|name| !name.is_empty())
        || word
            .split_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
}

/// `@acme/payments-core` is `payments-core`.
fn last_part(owner: &str) -> String {
    let owner = owner.trim_start_matches('@');
    slug(owner.rsplit('/').next().unwrap_or(owner))
}

fn slug(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).trim_start_matches('@');
    let dashed: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    dashed.trim_matches('-').to_owned()
}

// === impl Pattern ===

impl Pattern {
    /// As in `.gitignore`: a slash at the beginning, and for GitHub one in the middle, ties it to the root.
    fn parse(text: &str, is_gitlab: bool) -> Pattern {
        let is_folder = text.ends_with('/');
        let inner = text.trim_end_matches('/');
        let is_anchored = inner.starts_with('/') || (!is_gitlab && inner.contains('/'));
        Pattern {
            parts: inner.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            is_anchored,
            is_folder,
        }
    }

    fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        let starts = if self.is_anchored { 0..1 } else { 0..names.len() };
        starts.into_iter().any(|from| self.from(&self.parts, &names[from..]))
    }

    fn from(&self, parts: &[String], names: &[&str]) -> bool {
        match parts {
            // A folder was named: everything below it.
            [] => !names.is_empty() || !self.is_folder,
            // What a star stands for in the last place is one entry of that folder, and nothing deeper.
            [last] if last == "*" && self.parts.len() > 1 => names.len() == 1 && !self.is_folder || self.is_folder && names.len() > 1,
            [first, rest @ ..] if first == "**" => {
                if rest.is_empty() {
                    return !names.is_empty();
                }
                (0..names.len()).any(|skip| self.from(rest, &names[skip..]))
            }
            [first, rest @ ..] => match names {
                [name, deeper @ ..] => glob(first.as_bytes(), name.as_bytes()) && self.from(rest, deeper),
                [] => false,
            },
        }
    }
}

/// One name against `*` and `?`; linear but for going back to the last star.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => (p, n) = (p + 1, n + 1),
            Some(b'\\') if pattern.get(p + 1) == Some(&name[n]) => (p, n) = (p + 2, n + 1),
            Some(c) if *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, path: &str) -> Vec<String> {
        Owners::parse("CODEOWNERS", text, false)
            .of(path)
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// The examples of GitHub's own page about the file.
    #[test]
    fn patterns_of_github() {
        for (pattern, path, expected) in [
            ("*", "a/b.js", true),
            ("*.js", "a/b.js", true),
            ("*.js", "a/b.ts", false),
            ("/build/logs/", "build/logs/a/b", true),
            ("/build/logs/", "x/build/logs/a", false),
            ("/build/logs/", "build/logs", false),
            ("docs/*", "docs/getting-started.md", true),
            ("docs/*", "docs/build-app/troubleshooting.md", false),
            ("docs/*", "x/docs/a.md", false),
            ("apps/", "x/apps/a/b", true),
            ("/docs/", "docs/a/b", true),
            ("**/logs", "deep/build/logs/a", true),
            ("**/logs", "logs/a", true),
            ("/contracts/**/v1.odcs.yaml", "contracts/shop/orders/v1.odcs.yaml", true),
            ("/contracts/*/orders/", "contracts/shop/orders/v1.odcs.yaml", true),
            ("/contracts/**", "contracts/shop/orders/v1.odcs.yaml", true),
            ("/contracts", "contracts/shop/orders/v1.odcs.yaml", true),
            ("/contracts", "contracts2/v1.odcs.yaml", false),
        ] {
            assert_eq!(!of(&format!("{pattern} @a\n"), path).is_empty(), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_pattern_counts_and_may_take_ownership_away() {
        let text = "# all\n* @acme/all\n/contracts/shop/ @acme/shop buyers@example.com # theirs\n/contracts/shop/free/\n";
        assert_eq!(of(text, "README.md"), ["@acme/all"]);
        assert_eq!(of(text, "contracts/shop/o.odcs.yaml"), ["@acme/shop", "buyers@example.com"]);
        assert!(of(text, "contracts/shop/free/o.odcs.yaml").is_empty());
        assert_eq!(of("/a\\ b/ @x\n", "a b/c"), ["@x"]);
    }

    #[test]
    fn sections_of_gitlab_count_each_for_itself() {
        let text = "* @all\n[Contracts][2] @data\ncontracts/\n!contracts/free/\n^[Docs]\ndocs/ @writers\n[contracts]\n*.md @more\n";
        assert_eq!(of(text, "contracts/o.odcs.yaml"), ["@all", "@data"]);
        assert_eq!(of(text, "deep/contracts/o.odcs.yaml"), ["@all", "@data"], "at any depth");
        assert_eq!(of(text, "contracts/free/o.odcs.yaml"), ["@all"]);
        assert_eq!(of(text, "docs/a.md"), ["@all", "@writers", "@more"]);
    }

    #[test]
    fn lines_that_are_not_understood_own_nothing_and_are_said() {
        let owners = Owners::parse("CODEOWNERS", "!a @x\n[ab].txt @x\nc d\n", false);
        let lines: Vec<u32> = owners.found.iter().map(|one| one.location.line).collect();
        assert_eq!(lines, [1, 2, 3]);
        assert!(owners.of("a").is_empty() && owners.of("c").is_empty());
    }

    #[test]
    fn contracts_are_covered_by_their_team() {
        let contract = |team: &str| {
            let text = format!("apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\n{team}schema: []\n");
            tidegate_contract::parse("contracts/a.odcs.yaml", &text).0.unwrap()
        };
        let of = |text: &str, team: &str| {
            Owners::parse("CODEOWNERS", text, false)
                .check(&contract(team), "contracts/a.odcs.yaml")
                .map(|one| (one.code, one.location.line))
        };
        let team = "team:\n  name: Payments core\n";
        assert_eq!(of("/contracts/ @acme/payments-core\n", team), None);
        assert_eq!(of("/contracts/ @acme/shop\n", team), Some((codes::OTHER_OWNER, 7)));
        assert_eq!(of("/docs/ @acme/payments-core\n", team), Some((codes::NO_OWNER, 1)));
        assert_eq!(of("* @acme/shop\n", ""), None);
    }
}
