//! Semantic types of Kafka Connect and Debezium, which schemas of Connect name and Avro schemas of its converters repeat (`connect.name`).

use crate::draft::{Kind, Property, quoted};
use crate::schema::VALUES_MAX;

/// The property that values of a semantic type are; none for names that mean nothing here.
pub(super) fn of<'p>(name: &str, semantic: &str, parameter: impl Fn(&str) -> Option<&'p str>) -> Option<Property> {
    let timestamp = |digits: u8| {
        Property::leaf(name, "timestamp")
            .with("timezone", "false")
            .physically(format!("timestamp({digits})"))
    };
    let time = |digits: u8| Property::leaf(name, "time").physically(format!("time({digits})"));
    Some(match semantic {
        "org.apache.kafka.connect.data.Decimal" => {
            let scale: u8 = parameter("scale").and_then(|text| text.parse().ok()).unwrap_or(0).min(38);
            let precision: u16 = parameter("connect.decimal.precision")
                .and_then(|text| text.parse().ok())
                .unwrap_or(38);
            if precision > 38 {
                let mut any = Property::new(name, Kind::Any);
                any.evidence
                    .push(format!("a decimal of {precision} digits; a contract has 38 at most"));
                return Some(any);
            }
            let precision = precision.max(u16::from(scale.max(1)));
            Property::leaf(name, "number").physically(format!("decimal({precision},{scale})"))
        }
        "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => Property::leaf(name, "date"),
        "io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp" => timestamp(3),
        "io.debezium.time.MicroTimestamp" => timestamp(6),
        "io.debezium.time.NanoTimestamp" => timestamp(9),
        "io.debezium.time.ZonedTimestamp" => Property::leaf(name, "timestamp"),
        "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time" => time(3),
        "io.debezium.time.MicroTime" => time(6),
        "io.debezium.data.Uuid" => Property::leaf(name, "string").with("format", "uuid"),
        "io.debezium.data.Enum" => {
            let mut property = Property::leaf(name, "string");
            let allowed: Vec<&str> = parameter("allowed").into_iter().flat_map(|text| text.split(',')).collect();
            if allowed.len() <= VALUES_MAX {
                property.values = allowed.into_iter().map(quoted).collect();
            }
            property
        }
        known if known.starts_with("io.debezium.data.VariableScaleDecimal") || known.starts_with("io.debezium.data.geometry") => {
            let mut any = Property::new(name, Kind::Any);
            any.evidence.push(format!("{known} has no type of its own in a contract"));
            any
        }
        _ => return None,
    })
}
