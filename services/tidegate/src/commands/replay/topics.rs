//! Topics that a replay may write to: none that means something else already.

use std::sync::Arc;

use tidegate_validator::Settings;

/// What the deployment uses topics for.
pub(super) struct Roles<'c> {
    pub(super) sources: &'c [Arc<str>],
    pub(super) validator: &'c Settings,
    /// Template of parked topics.
    pub(super) parked: &'c str,
    pub(super) state: &'c str,
    pub(super) probe: &'c str,
}

// === impl Roles ===

impl Roles<'_> {
    /// Why the letters of `source` may not be sent to a topic; none where they may.
    pub(super) fn refuse_target(&self, topic: &str, source: &str) -> Option<String> {
        self.role(topic, source)
    }

    /// Why they may not be parked there.
    pub(super) fn refuse_parked(&self, topic: &str, source: &str, target: &str) -> Option<String> {
        let is_own = self.validator.retry(source).as_deref() == Some(topic) || topic == target;
        if is_own {
            return Some(format!("the topic that dead letters of {source} are sent back to"));
        }
        // Its own parked topic is what it is for; several sources may share one.
        self.role_but_parked(topic, source)
    }

    fn role(&self, topic: &str, source: &str) -> Option<String> {
        let parked = |of: &&str| self.parked.replace("{topic}", of) == topic;
        self.role_but_parked(topic, source)
            .or_else(|| self.all(source).find(parked).map(|of| format!("the parked topic of {of}")))
    }

    fn role_but_parked(&self, topic: &str, source: &str) -> Option<String> {
        for of in self.all(source) {
            let is = |name: Arc<str>| *name == *topic;
            if of == topic {
                return Some("a source topic, which belongs to its producers".to_owned());
            }
            if is(self.validator.validated(of)) {
                return Some(format!("the validated topic of {of}, which belongs to the validator"));
            }
            if is(self.validator.dead_letters(of)) {
                return Some(format!("the dead-letter topic of {of}, which belongs to the validator"));
            }
            if of != source && self.validator.retry(of).is_some_and(is) {
                return Some(format!(
                    "the retry topic of {of}: its validators would judge what arrives as events of {of}"
                ));
            }
        }
        if topic == self.state || topic == self.probe {
            return Some("a topic that Tidegate keeps its own state in".to_owned());
        }
        None
    }

    fn all<'s>(&'s self, source: &'s str) -> impl Iterator<Item = &'s str> {
        self.sources.iter().map(|topic| &**topic).chain([source])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_writes_into_no_topic_that_means_something_else() {
        let validator = Settings {
            retry_topic: Some("{topic}.retry".to_owned()),
            ..Settings::default()
        };
        let sources: Vec<Arc<str>> = vec!["pay".into(), "orders".into()];
        let roles = |parked| Roles {
            sources: &sources,
            validator: &validator,
            parked,
            state: "tidegate.dead-letters",
            probe: "tidegate.probe",
        };
        let usual = roles("{topic}.parked");
        for topic in [
            "pay",
            "orders",
            "pay.validated",
            "orders.dlq",
            "orders.retry",
            "pay.parked",
            "orders.parked",
            "tidegate.dead-letters",
            "tidegate.probe",
        ] {
            assert!(usual.refuse_target(topic, "pay").is_some(), "{topic}");
        }
        assert_eq!(usual.refuse_target("pay.retry", "pay"), None);
        assert_eq!(usual.refuse_target("test.pay", "pay"), None);
        assert_eq!(usual.refuse_parked("pay.parked", "pay", "pay.retry"), None);
        for template in [
            "{topic}.dlq",
            "{topic}",
            "{topic}.validated",
            "{topic}.retry",
            "orders.retry",
            "tidegate.dead-letters",
            "test.pay",
        ] {
            let parked = template.replace("{topic}", "pay");
            assert!(roles(template).refuse_parked(&parked, "pay", "test.pay").is_some(), "{template}");
        }
        assert_eq!(
            roles("parked").refuse_parked("parked", "pay", "pay.retry"),
            None,
            "several sources may share one"
        );
    }
}
