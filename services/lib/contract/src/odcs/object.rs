//! `schema[]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reader;
use crate::codes;
use crate::model::{CdcFormat, LogicalType, ObjectSettings, Property, SchemaObject};
use crate::problems::quoted;
use crate::yaml::At;

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn read_objects(&mut self, root: &At<'_>) -> Vec<SchemaObject> {
        let mut objects = Vec::new();
        let mut names: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        let mut topics: BTreeMap<(Arc<str>, Option<Arc<str>>), u32> = BTreeMap::new();
        for at in root.list("schema") {
            let Some(object) = self.read_object(&at) else { continue };
            let line = object.location.line;
            if let Some(first) = names.insert(object.name.clone(), line) {
                let problem = format!("a second object is named {}; the first is at line {first}", quoted(&object.name));
                self.problems
                    .error(codes::DUPLICATE_NAME, at.place(), problem, "give it a name of its own");
            }
            if let Some(topic) = &object.topic
                && let Some(first) = topics.insert((topic.clone(), event_type(&object.settings)), line)
            {
                let which = match event_type(&object.settings) {
                    Some(value) => format!("events {} of topic {}", quoted(&value), quoted(topic)),
                    None => format!("topic {}", quoted(topic)),
                };
                let problem = format!("a second object is bound to {which}; the first is at line {first}");
                self.problems.error(
                    codes::DUPLICATE_BINDING,
                    at.place(),
                    problem,
                    "one object judges an event; change one `physicalName`, or tell the events apart with the setting `discriminator`",
                );
            }
            objects.push(object);
        }
        objects
    }

    fn read_object(&mut self, at: &At<'_>) -> Option<SchemaObject> {
        let name = at.text("name")?;
        let topic = self.read_topic(at, &name);
        let before = self.problems.errors();
        let properties = self.read_properties(at);
        // Paths into a broken tree would only repeat what was said.
        let tree_is_good = self.problems.errors() == before;
        let settings = self.read_settings(at, tree_is_good.then_some(properties.as_slice()));
        let quality = self.read_quality(at, None, &properties);
        if settings.cdc.is_some() && tree_is_good {
            self.check_change_object(at, &properties, &settings);
        }
        let location = self.problems.location(&at.place());
        Some(SchemaObject {
            name,
            topic,
            properties,
            quality,
            settings,
            location,
        })
    }

    fn read_topic(&mut self, at: &At<'_>, name: &Arc<str>) -> Option<Arc<str>> {
        let physical_type = at.text("physicalType");
        if !physical_type.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case("topic")) {
            let problem = format!("object {} is bound to no topic", quoted(name));
            let help = "write `physicalType: topic` if it describes the events of a topic";
            self.problems.note(codes::NO_TOPIC, at.place(), problem, help);
            return None;
        }
        let named_by = at.get("physicalName").or_else(|| at.get("name"))?;
        let topic = named_by.as_text()?;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if topic.is_empty() || topic.len() > 249 || !topic.chars().all(legal) || matches!(&*topic, "." | "..") {
            let problem = format!("{} is not a legal topic name", quoted(&topic));
            self.problems
                .error(codes::TOPIC_NAME, named_by.place(), problem, "write the topic under `physicalName`");
        }
        Some(topic)
    }

    /// What rows of a change topic need beside what every event needs.
    fn check_change_object(&mut self, at: &At<'_>, properties: &[Property], settings: &ObjectSettings) {
        if !properties.iter().any(|property| property.primary_key.is_some()) {
            let help = "write `primaryKey: true` at the properties of the key";
            self.problems
                .warning(codes::CDC_KEY, at.place(), "change events without a primary key", help);
        }
        let is_relational = matches!(settings.cdc, Some(CdcFormat::Debezium | CdcFormat::DebeziumFlat));
        let needs_scale = is_relational
            && settings.decimals == crate::model::DecimalMode::Precise
            && settings.encodings.contains(&crate::model::Encoding::Json);
        for (index, property) in properties.iter().enumerate().filter(|_| needs_scale) {
            let is_decimal = matches!(&property.logical_type, LogicalType::Number { format: None, .. });
            if is_decimal && property.decimal().is_none() {
                let place = at.list("properties").get(index).map_or(at.place(), |property| property.place());
                let problem = format!(
                    "the scale of {} is unknown where no schema travels with the row",
                    quoted(&property.name)
                );
                let help = "write `physicalType: decimal(12,2)`, or the setting `decimals: string` or `double`";
                self.problems.warning(codes::CDC_DECIMAL, place, problem, help);
            }
        }
    }
}

fn event_type(settings: &ObjectSettings) -> Option<Arc<str>> {
    settings.discriminator.as_ref().map(|discriminator| discriminator.value.clone())
}
