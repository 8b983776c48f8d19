//! Topics for other tools, with the reason of each setting beside it.

mod script;
mod strimzi;
mod terraform;

use crate::platform::Platform;
use crate::topics::{Kind, Topic};

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// HCL: resources of the platform's provider.
    Terraform,
    /// HCL: the variable `topics` of the modules under `infra/terraform`.
    Tfvars,
    /// `KafkaTopic` resources of Strimzi.
    Strimzi,
    /// A shell script over Kafka's own tools, or over Azure's for Event Hubs.
    Script,
}

/// Writes the topics. `cluster` is the name of Strimzi's `Kafka` resource. The text is the same for the same topics.
///
/// # Errors
///
/// A sentence: this tool does not make topics on this platform.
pub fn render(format: Format, platform: Platform, topics: &[Topic], cluster: &str) -> Result<String, String> {
    match format {
        Format::Terraform => Ok(terraform::resources(platform, topics)),
        Format::Tfvars => Ok(terraform::variables(topics)),
        Format::Script => Ok(script::script(platform, topics)),
        Format::Strimzi if platform == Platform::Kafka => Ok(strimzi::resources(topics, cluster)),
        Format::Strimzi => Err(format!(
            "Strimzi makes topics of the clusters that it runs, not of {}: take --to terraform or --to script, or --profile kafka",
            platform.title()
        )),
    }
}

/// The lines that stand above everything, without the mark of a comment.
fn preface(platform: Platform, topics: &[Topic]) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Topics of Tidegate on {}, from its contracts and config: `tidegate topics render`. Change those, and render again.",
            platform.title()
        ),
        "Outcome topics have as many partitions as their source: an outcome keeps the partition number of its record.".to_owned(),
    ];
    if platform.is_event_hubs() {
        lines.push(
            "Event Hubs has no max.message.bytes (1 MB with headers is its own limit), no message.timestamp.* and no copies to choose."
                .to_owned(),
        );
    }
    if !topics.iter().any(|topic| topic.kind == Kind::Source) {
        lines.push("Source topics belong to their producers and are not here.".to_owned());
    }
    // A setting means the same everywhere but for the source, so each reason is said once for each kind of topic that differs.
    let mut said: Vec<(&str, &str)> = Vec::new();
    for topic in topics {
        for setting in &topic.settings {
            if !said.contains(&(setting.key, setting.why)) {
                let first = said.iter().all(|(key, _)| *key != setting.key);
                said.push((setting.key, setting.why));
                let of = if first {
                    String::new()
                } else {
                    format!(" ({})", topic.kind.as_str())
                };
                lines.push(format!("{}{of}: {}.", setting.key, setting.why));
            }
        }
    }
    lines
}

/// Hours that hold at least so many milliseconds.
fn hours(millis: u64) -> u64 {
    millis.div_ceil(3_600_000)
}

#[cfg(test)]
pub(crate) mod tests;
