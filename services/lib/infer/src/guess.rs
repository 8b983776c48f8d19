//! From what was seen to what is declared.

use crate::draft::{Kind, Property, number, quoted};
use crate::personal::is_suspicious;
use crate::probe::{TEXTS, Text};
use crate::sketch::{Field, Sketch, Texts};

/// How rows were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Plain,
    /// Rows of Debezium, whose connector writes times and decimals in forms of its own.
    Change,
}

/// The declared fields of an object that was seen `objects` times.
pub(crate) fn fields(sketch: &Sketch, objects: u64, written: Written, personal: bool) -> Vec<Property> {
    let all = sketch
        .fields
        .iter()
        .chain(sketch.odd.iter().filter(|(_, field)| is_field(field, objects)));
    all.map(|(name, field)| field_of(name, field, objects, written, personal)).collect()
}

/// Whether a name that does not look like one is a field all the same: it comes again and again, as content does not.
fn is_field(field: &Field, objects: u64) -> bool {
    objects >= 2 && field.seen * 2 >= objects
}

/// How often such a name came that is left out.
pub(crate) fn left_out(sketch: &Sketch, objects: u64) -> u64 {
    let others = sketch.odd.values().filter(|field| !is_field(field, objects));
    sketch.beyond + others.map(|field| field.seen).sum::<u64>()
}

fn field_of(name: &str, field: &Field, objects: u64, written: Written, personal: bool) -> Property {
    let personal = personal || is_suspicious(name);
    let mut property = value(name, &field.value, written, personal);
    property.required = field.seen == objects && field.value.nulls == 0;
    let nulls = match field.value.nulls {
        0 => String::new(),
        nulls => format!(", null in {}", number(nulls)),
    };
    let rare = if field.seen * 100 < objects { "; rare" } else { "" };
    property
        .evidence
        .insert(0, format!("seen in {} of {}{nulls}{rare}", number(field.seen), number(objects)));
    property
}

fn value(name: &str, sketch: &Sketch, written: Written, mut personal: bool) -> Property {
    let kinds = [sketch.bools, sketch.numbers.count, sketch.texts.count, sketch.objects, sketch.lists];
    if kinds.iter().filter(|count| **count > 0).count() != 1 {
        let mut property = Property::new(name, Kind::Any);
        let seen: Vec<String> = ["truth values", "numbers", "texts", "objects", "lists"]
            .iter()
            .zip(kinds)
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{} {what}", number(count)))
            .collect();
        property.evidence.push(match seen.is_empty() {
            true => String::from("never anything but null: no type can be told"),
            false => format!("of no single type: {}", seen.join(", ")),
        });
        return property;
    }
    let mut property = if sketch.bools > 0 {
        Property::leaf(name, "boolean")
    } else if sketch.numbers.count > 0 {
        numbers(name, sketch, written, personal)
    } else if sketch.texts.count > 0 {
        texts(name, &sketch.texts, written, &mut personal)
    } else if sketch.objects > 0 {
        object(name, sketch, written, personal)
    } else {
        list(name, sketch, written, personal)
    };
    if personal && matches!(property.kind, Kind::Leaf(_)) {
        let hint = "looks like personal data: consider `classification: confidential`; its values are not shown here";
        property.evidence.push(hint.to_owned());
        property.limits.clear();
        property.values.clear();
    }
    property
}

fn numbers(name: &str, sketch: &Sketch, written: Written, personal: bool) -> Property {
    let seen = &sketch.numbers;
    let mut property = if seen.integers == seen.count {
        Property::leaf(name, "integer").with("format", "i64")
    } else if written == Written::Plain && seen.whole + seen.scale <= 38 {
        // Room for larger ones, none for finer ones: those would be rounded.
        let precision = (seen.whole + seen.scale + 4).clamp(12, 38);
        Property::leaf(name, "number").physically(format!("decimal({precision},{})", seen.scale))
    } else if seen.floats == seen.count {
        Property::leaf(name, "number").with("format", "f64")
    } else {
        let mut property = Property::new(name, Kind::Any);
        property
            .evidence
            .push(String::from("numbers that neither a decimal of 38 digits nor a double holds"));
        return property;
    };
    if seen.integers == seen.count {
        if let Some((low, high)) = seen.range.filter(|_| !personal && seen.odd == 0) {
            property.limits.push(("minimum", low.to_string()));
            property.limits.push(("maximum", high.to_string()));
        }
    } else {
        let mut text = match seen.fractions {
            0 => format!("all {} numbers are whole", number(seen.count)),
            fractions => format!("{} of {} numbers are whole", number(seen.count - fractions), number(seen.count)),
        };
        let wide = (seen.count - seen.fractions).saturating_sub(seen.integers);
        if wide > 0 {
            text.push_str(&format!(", {} of them past 64 bits", number(wide)));
        }
        property.evidence.push(format!(
            "{text}; at most {} digits before the point and {} behind it",
            seen.whole, seen.scale
        ));
    }
    property
}

fn texts(name: &str, seen: &Texts, written: Written, personal: &mut bool) -> Property {
    let meaning = TEXTS
        .iter()
        .enumerate()
        .find(|(bit, _)| seen.meanings & (1 << bit) != 0)
        .map(|(_, meaning)| *meaning)
        .filter(|_| written == Written::Plain);
    let all = format!("all {} texts are", number(seen.count));
    let (mut property, what) = match meaning {
        Some(Text::Uuid) => (Property::leaf(name, "string").with("format", "uuid"), "UUIDs"),
        Some(Text::Timestamp) => (Property::leaf(name, "timestamp"), "timestamps of RFC 3339"),
        Some(Text::LocalTimestamp) => (
            Property::leaf(name, "timestamp").with("timezone", "false"),
            "timestamps without a zone",
        ),
        Some(Text::Date) => (Property::leaf(name, "date"), "days of ISO 8601"),
        Some(Text::Time) => (Property::leaf(name, "time"), "times of ISO 8601"),
        Some(Text::Email) => (Property::leaf(name, "string").with("format", "email"), "mail addresses"),
        Some(Text::Ipv4) => (Property::leaf(name, "string").with("format", "ipv4"), "IPv4 addresses"),
        Some(Text::Ipv6) => (Property::leaf(name, "string").with("format", "ipv6"), "IPv6 addresses"),
        None => (Property::leaf(name, "string"), ""),
    };
    if meaning.is_some() {
        property.evidence.push(format!("{all} {what}"));
    } else if seen.decimals == seen.count && written == Written::Plain {
        property
            .evidence
            .push(format!("{all} decimal numbers; as JSON numbers they could be declared as such"));
    }
    *personal |= matches!(meaning, Some(Text::Email | Text::Ipv4 | Text::Ipv6));
    if meaning.is_none() {
        if let Some((shortest, longest)) = seen.length {
            property.limits.push(("minLength", shortest.to_string()));
            property.limits.push(("maxLength", longest.to_string()));
        }
        property.values = few(seen).unwrap_or_default();
    }
    property
}

/// Values that come again and again, so that they are a list to choose from and not content.
fn few(seen: &Texts) -> Option<Vec<String>> {
    let distinct = seen.distinct.as_ref()?;
    let is_code = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/ ".contains(&byte));
    let again = distinct.values().all(|count| *count >= 2) && seen.count >= 10 * distinct.len() as u64;
    (again && distinct.keys().all(|text| is_code(text))).then(|| distinct.keys().map(|text| quoted(text)).collect())
}

/// Whether all objects are how Debezium writes a decimal of any scale, which the judge takes for one number where a block says so.
fn is_variable_decimal(sketch: &Sketch) -> bool {
    let is_always = |name: &str, is: fn(&Sketch) -> bool| {
        let field = sketch.fields.get(name);
        field.is_some_and(|field| field.seen == sketch.objects && is(&field.value))
    };
    sketch.fields.len() == 2
        && is_always("scale", |value| value.numbers.integers == value.count())
        && is_always("value", |value| value.texts.count == value.count())
}

fn object(name: &str, sketch: &Sketch, written: Written, personal: bool) -> Property {
    if written == Written::Change && is_variable_decimal(sketch) {
        let mut property = Property::new(name, Kind::Any);
        property.evidence.push(String::from(
            "all are `scale` and `value`: decimals of any scale, which have no type of their own in a contract",
        ));
        return property;
    }
    match &sketch.map {
        Some(map) => {
            let mut property = Property::new(name, Kind::Map(Box::new(value("value", map, written, personal))));
            property
                .evidence
                .push(String::from("its names are many or no names, so they are keys of a map"));
            property
        }
        None => Property::new(name, Kind::Object(fields(sketch, sketch.objects, written, personal))),
    }
}

fn list(name: &str, sketch: &Sketch, written: Written, personal: bool) -> Property {
    let item = sketch.item.as_deref().filter(|item| item.count() > 0);
    let mut property = Property::new(name, Kind::Array(item.map(|item| Box::new(value("item", item, written, personal)))));
    if let Some((fewest, most)) = sketch.items {
        property.limits.push(("minItems", fewest.to_string()));
        property.limits.push(("maxItems", most.to_string()));
    }
    property
}
