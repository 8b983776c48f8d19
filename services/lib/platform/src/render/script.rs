//! A shell script that may be run again and again: what is there stays as it is.

use std::fmt::Write as _;

use super::{hours, preface};
use crate::platform::Platform;
use crate::topics::Topic;

pub(super) fn script(platform: Platform, topics: &[Topic]) -> String {
    let mut out = String::from("#!/usr/bin/env bash\n");
    for line in preface(platform, topics) {
        let _ = writeln!(out, "# {line}");
    }
    if platform.is_event_hubs() {
        azure(&mut out, topics)
    } else {
        kafka(&mut out, topics)
    }
    out
}

fn kafka(out: &mut String, topics: &[Topic]) {
    out.push_str(
        r#"# Topics that are there are left as they are; `tidegate topics apply` also widens those.
set -euo pipefail
: "${BOOTSTRAP:?host:port of a broker}"
tool=("${KAFKA_TOPICS:-kafka-topics.sh}" --bootstrap-server "$BOOTSTRAP")
# A file of client settings, for brokers that one signs in to.
[ -z "${COMMAND_CONFIG:-}" ] || tool+=(--command-config "$COMMAND_CONFIG")
make() { "${tool[@]}" --create --if-not-exists "$@"; }
"#,
    );
    for topic in topics {
        let copies = topic
            .replication
            .map_or_else(String::new, |copies| format!(" --replication-factor {copies}"));
        let _ = write!(
            out,
            "\n# {}\nmake --topic {} --partitions {}{copies}",
            topic.purpose(),
            topic.name,
            topic.partitions
        );
        for setting in &topic.settings {
            let _ = write!(out, " \\\n  --config {}={}", setting.key, setting.value);
        }
        out.push('\n');
    }
}

fn azure(out: &mut String, topics: &[Topic]) {
    out.push_str(
        r#"# A hub that is there is set to these values again; Standard refuses another number of partitions.
set -euo pipefail
: "${RESOURCE_GROUP:?resource group of the namespace}"
: "${NAMESPACE:?Event Hubs namespace}"
make() {
  az resource create --resource-group "$RESOURCE_GROUP" --namespace Microsoft.EventHub --parent "namespaces/$NAMESPACE" \
    --resource-type eventhubs --api-version 2024-01-01 --name "$1" --properties "$2" --output none
}
"#,
    );
    for topic in topics {
        let retention = match topic.retention {
            Some(millis) => format!(r#"{{"cleanupPolicy":"Delete","retentionTimeInHours":{}}}"#, hours(millis)),
            None => r#"{"cleanupPolicy":"Compact","tombstoneRetentionTimeInHours":24}"#.to_owned(),
        };
        let _ = write!(
            out,
            "\n# {}\nmake {} '{{\"partitionCount\":{},\"retentionDescription\":{retention}}}'\n",
            topic.purpose(),
            topic.name,
            topic.partitions
        );
    }
}
