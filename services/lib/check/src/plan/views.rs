//! What the row rules of a plan look at, for whoever compares contracts or judges less than whole events.

use std::sync::Arc;

use tidegate_contract::Severity;

use super::{Kind, Plan};

/// What one row rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleView {
    /// Rule id.
    pub id: Arc<str>,
    /// Events that break it are refused.
    pub refuses: bool,
    /// Columns of the row that it reads; none where it uses the whole row.
    pub columns: Option<Vec<Arc<str>>>,
    /// Its answer depends on the time of judging.
    pub reads_now: bool,
    /// Its answer depends on which contract or version judges.
    pub reads_version: bool,
    /// It reads something that stands beside the value: the key, headers, the operation, the source, the row before, or `meta`.
    pub reads_beside: bool,
    /// Objects that it uses as maps, so that its answer depends on what is declared in them: paths of ODCS names with `[]` for items,
    /// `.key` and `.value` for parts of maps, empty for the row.
    pub objects: Vec<String>,
}

// === impl Plan ===

impl Plan {
    /// What every row rule looks at.
    pub fn rule_views(&self) -> Vec<RuleView> {
        if self.programs.is_empty() {
            return Vec::new();
        }
        let mut paths = vec![String::new(); self.nodes.len()];
        self.name_below(0, &mut paths);
        let views = self.programs.iter().map(|rule| {
            let view = rule.view(&self.nodes);
            let reads = &rule.reads;
            let home = &paths[rule.object()];
            let columns = match (home.split(['.', '[']).next(), reads.value.names()) {
                (None | Some(""), names) => names.map(<[Arc<str>]>::to_vec),
                (Some(column), _) => Some(vec![column.into()]),
            };
            RuleView {
                id: rule.id.clone(),
                refuses: rule.severity == Severity::Error,
                columns,
                reads_now: reads.now,
                reads_version: view.version,
                reads_beside: reads.key || reads.headers || reads.meta || reads.op || reads.source || !reads.before.is_empty(),
                objects: view.objects.iter().map(|node| paths[*node].clone()).collect(),
            }
        });
        views.collect()
    }

    fn name_below(&self, node: usize, paths: &mut [String]) {
        let at = paths[node].clone();
        let mut name = |child: usize, path: String| {
            paths[child] = path;
            self.name_below(child, paths);
        };
        match &self.nodes[node].kind {
            Kind::Object(children) => {
                for child in children {
                    let own = &self.nodes[*child].name;
                    name(*child, if at.is_empty() { own.to_string() } else { format!("{at}.{own}") });
                }
            }
            Kind::Array(item) => name(*item, format!("{at}[]")),
            Kind::Map(key, value) => {
                name(*key, format!("{at}.key"));
                name(*value, format!("{at}.value"));
            }
            Kind::Leaf(_) | Kind::Any => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(expression: &str) -> RuleView {
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: 1.0.0\nstatus: active\nschema:\n  - name: o\n    physicalType: topic\n    \
             quality:\n      - {{id: r, type: custom, engine: cel, implementation: {expression:?}}}\n    properties:\n      \
             - {{name: a, logicalType: integer}}\n      - name: n\n        logicalType: object\n        properties:\n          \
             - {{name: x, logicalType: integer}}\n      - name: lines\n        logicalType: array\n        items:\n          \
             logicalType: object\n          properties:\n            - {{name: qty, logicalType: integer}}\n      \
             - name: tags\n        logicalType: array\n        items: {{logicalType: string}}\n"
        );
        let (contract, problems) = tidegate_contract::parse("c.odcs.yaml", &text);
        let plan =
            crate::compile(&contract.unwrap_or_else(|| panic!("{problems:#?}")), 0).unwrap_or_else(|problems| panic!("{problems:#?}"));
        plan.rule_views().remove(0)
    }

    #[test]
    fn objects_that_are_used_as_maps() {
        for (expression, objects) in [
            ("value.a > 0", &[][..]),
            ("value.n.x > 0 && has(value.n) && has(value.n.x)", &[]),
            ("value.n == null || value.n.x == 1", &[]),
            ("value['n']['x'] == 1", &[]),
            (
                "value.lines.all(l, l.qty > 0) && size(value.lines) < 9 && value.lines[0].qty > 0",
                &[],
            ),
            ("'x' in value.tags && value.tags == ['x']", &[]),
            ("size(value) < 2", &[""]),
            ("'b' in value", &[""]),
            ("value.all(k, k != 'b')", &[""]),
            ("value.map(k, k)[0] == 'a'", &[""]),
            ("size(value.n) < 2", &["n"]),
            ("value.n.exists(k, k == 'x')", &["n"]),
            ("value.lines[0] == value.lines[1]", &["lines[]"]),
            ("value.lines.all(l, size(l) == 1)", &["lines[]"]),
            (
                "size(value.lines.filter(l, l.qty > 0)) < 3 && value.lines.filter(l, l.qty > 0)[0].qty < 9",
                &[],
            ),
            ("value.lines.map(l, l.qty).exists(q, q > 3)", &[]),
            ("value.lines.filter(l, l.qty > 0) == value.lines", &["lines[]"]),
            ("value.lines.map(l, value.n).exists(n, size(n) == 1)", &["n"]),
            ("value.n in value.lines", &["n", "lines[]"]),
            ("(value.a > 0 ? value.n : value.n).x == 1", &["n"]),
        ] {
            assert_eq!(views(expression).objects, objects, "{expression}");
        }
    }

    #[test]
    fn versions_times_and_columns_that_are_read() {
        let topic = views("meta.topic == 'a' && meta['topic'] == 'a'");
        assert!(!topic.reads_version && topic.reads_beside && !topic.reads_now);
        for expression in [
            "meta.version == '1.0.0'",
            "meta['contract'] == 'c'",
            "'version' in meta",
            "size(meta) == 3",
        ] {
            assert!(views(expression).reads_version, "{expression}");
        }
        let now = views("value.a > 0 && now > timestamp('2020-01-01T00:00:00Z')");
        assert!(now.reads_now && !now.reads_version && !now.reads_beside);
        assert_eq!(now.columns, Some(vec!["a".into()]));
        assert_eq!(views("size(value) < 2").columns, None);
    }
}
