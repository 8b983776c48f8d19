//! The setting `key`: whether the key of a record is what the contract says.

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_codec::framing::{self, Framed, Part};
use tidegate_codec::{AvroReader, DecodeFailure, Detail, JsonReader, Reader, Token, avro, cdc};
use tidegate_contract::Severity;
use tidegate_contract::surroundings::KeyEncoding;

use super::walk::{Mode, Source, Stop};
use super::{Image, Judge, Surroundings, need};
use crate::event_schema::EventSchema;
use crate::input::{Input, Known, SchemaLookup, SchemaNeed};
use crate::plan::{KeyPlan, Kind, LeafType};
use crate::verdict::{Facts, Reason, Verdict, Violation};

/// Pointers of a key begin so.
const PREFIX: &str = "/key";

// === impl Judge ===

impl Judge {
    /// What is wrong with the key, every violation as `key_invalid`. `Err` is a schema that must be fetched first.
    pub(super) fn key_violations(
        &mut self,
        key: &KeyPlan,
        input: &Input<'_>,
        topic: &str,
        schemas: &dyn SchemaLookup,
    ) -> Result<Vec<Violation>, SchemaNeed> {
        let Some(bytes) = input.key else {
            return Ok(match key.required {
                true => vec![whole(key, "required", Some(Detail::Null))],
                false => Vec::new(),
            });
        };
        let walked = match key.encoding {
            KeyEncoding::Json if key.plan.cdc.is_some() => match cdc::key_json(bytes, &mut self.schema_blocks) {
                Ok(mut reader) => {
                    let schemaless = !reader.is_typed();
                    self.walk_key(key, input, topic, schemaless, &mut reader)
                }
                Err(failure) => Err(Stop::Decode(failure)),
            },
            KeyEncoding::Json => self.walk_key_in(key, input, topic, JsonReader::new(bytes)),
            KeyEncoding::Avro => match framing::open(&[framing::Encoding::Avro], Part::Key, input.headers, bytes) {
                Ok(Framed::Avro { schema, datum }) => {
                    let wanted = need(&key.plan, schema);
                    match schemas.lookup(&wanted) {
                        Known::NotCached => return Err(wanted),
                        Known::Unknown => return Ok(vec![whole(key, "schema", Some(Detail::UnknownSchema))]),
                        Known::Unusable | Known::Protobuf(_) => return Ok(vec![whole(key, "schema", Some(Detail::BadSchema))]),
                        Known::Avro(schema) if key.plan.cdc.is_some() => {
                            let mut reader = cdc::key_avro(&schema, datum, bytes.len() - datum.len());
                            self.walk_key(key, input, topic, false, &mut reader)
                        }
                        Known::Avro(schema) => {
                            if let Some(mismatch) = self.key_mismatch(key, &schema) {
                                return Ok(vec![mismatch]);
                            }
                            self.walk_key_in(key, input, topic, AvroReader::new(&schema, datum))
                        }
                    }
                }
                Ok(_) => return Ok(vec![whole(key, "framing", Some(Detail::UnknownFraming))]),
                Err(detail) => return Ok(vec![whole(key, "framing", Some(detail))]),
            },
            encoding => match plain(encoding, leaf(key), bytes) {
                Ok(token) => self.walk_key_in(key, input, topic, One { token: Some(token) }),
                Err(detail) => return Ok(vec![whole(key, "decode", Some(detail))]),
            },
        };
        let found = self.findings.conclude(Facts::default());
        self.scratch.clear();
        if let Err(Stop::Decode(failure)) = walked {
            return Ok(vec![whole(key, "decode", Some(failure.detail))]);
        }
        let mut violations = match found {
            Verdict::Invalid { violations, .. } => violations,
            Verdict::Valid { notes, .. } => notes,
            Verdict::Skipped(_) | Verdict::Need(_) => Vec::new(),
        };
        for violation in &mut violations {
            violation.reason = Reason::KeyInvalid;
            if key.single {
                violation.pointer = String::from(PREFIX);
            }
        }
        Ok(violations)
    }

    /// The key was written with a schema that does not resolve to the one that the contract names.
    fn key_mismatch(&mut self, key: &KeyPlan, writer: &Arc<avro::Schema>) -> Option<Violation> {
        let Some((EventSchema::Avro(schema), location)) = &key.plan.event_schema else {
            return None;
        };
        let mismatch = self.resolutions.ask(schema, writer).err()?;
        Some(Violation {
            pointer: format!("{PREFIX}{}", mismatch.pointer),
            location: location.clone(),
            ..whole(key, "schema:avro", Some(Detail::SchemaMismatch))
        })
    }

    fn walk_key_in<'b>(&mut self, key: &KeyPlan, input: &Input<'_>, topic: &str, mut reader: impl Source<'b>) -> Result<(), Stop> {
        if key.single {
            let mut around = Around {
                inner: reader,
                step: Step::Begin,
                depth: 0,
            };
            return self.walk_key(key, input, topic, false, &mut around);
        }
        self.walk_key(key, input, topic, false, &mut reader)
    }

    fn walk_key<'b>(
        &mut self,
        key: &KeyPlan,
        input: &Input<'_>,
        topic: &str,
        schemaless: bool,
        reader: &mut impl Source<'b>,
    ) -> Result<(), Stop> {
        let around = Surroundings {
            plan: &key.plan,
            input,
            topic,
            op: None,
            source: &[],
            document: None,
        };
        let scope = around.scope(None);
        let image = Image {
            prefix: PREFIX,
            mode: Mode::Whole,
            schemaless,
            placeholders: false,
            partial: false,
        };
        // The one field of a key without an object around it goes by whatever name the contract gave it.
        self.walk(&around, &scope, image, &mut (), |walk| walk.document(reader)).map(|_| ())
    }
}

/// A violation of the key as a whole.
fn whole(key: &KeyPlan, clause: &str, detail: Option<Detail>) -> Violation {
    Violation {
        reason: Reason::KeyInvalid,
        detail,
        rule: Arc::from(clause),
        severity: Severity::Error,
        pointer: String::from(PREFIX),
        location: key.location.clone(),
    }
}

/// The type of a key of one value.
fn leaf(key: &KeyPlan) -> Option<LeafType> {
    match key.plan.nodes.get(1).map(|node| &node.kind) {
        Some(Kind::Leaf(leaf)) => Some(*leaf),
        _ => None,
    }
}

/// The one token of a key that one of Kafka's own serializers wrote. Text is read as a number or truth value where the contract asks for
/// one: `StringSerializer` has no other way to write it.
fn plain(encoding: KeyEncoding, leaf: Option<LeafType>, bytes: &[u8]) -> Result<Token<'_>, Detail> {
    fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Detail> {
        bytes.try_into().map_err(|_| match bytes.len() < N {
            true => Detail::Truncated,
            false => Detail::TrailingBytes,
        })
    }
    match encoding {
        KeyEncoding::Short => Ok(Token::Int(i64::from(i16::from_be_bytes(array(bytes)?)))),
        KeyEncoding::Integer => Ok(Token::Int(i64::from(i32::from_be_bytes(array(bytes)?)))),
        KeyEncoding::Long => Ok(Token::Int(i64::from_be_bytes(array(bytes)?))),
        KeyEncoding::Float => Ok(Token::Float(f64::from(f32::from_be_bytes(array(bytes)?)))),
        KeyEncoding::Double => Ok(Token::Float(f64::from_be_bytes(array(bytes)?))),
        KeyEncoding::String | KeyEncoding::Json | KeyEncoding::Avro => {
            let text = std::str::from_utf8(bytes).map_err(|_| Detail::BadEncoding)?;
            let is_plain = !matches!(
                leaf,
                None | Some(LeafType::Bool | LeafType::Int { .. } | LeafType::Decimal { .. } | LeafType::F32 | LeafType::F64)
            );
            if is_plain || text.starts_with('"') || text != text.trim() {
                return Ok(Token::Str(Cow::Borrowed(text)));
            }
            let mut reader = JsonReader::new(bytes);
            match reader.next() {
                Ok(token @ (Token::Number(_) | Token::Bool(_))) if matches!(reader.next(), Ok(Token::End)) => Ok(token),
                _ => Ok(Token::Str(Cow::Borrowed(text))),
            }
        }
    }
}

/// One token as a document.
struct One<'b> {
    token: Option<Token<'b>>,
}

impl<'b> Reader<'b> for One<'b> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        Ok(self.token.take().unwrap_or(Token::End))
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.token = None;
        Ok(())
    }

    fn position(&self) -> usize {
        0
    }
}

impl<'b> Source<'b> for One<'b> {
    fn plain(&self) -> Option<Token<'b>> {
        None
    }
}

/// An object around a document, whose one field is the document.
struct Around<R> {
    inner: R,
    step: Step,
    depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Name,
    Value,
    End,
    Behind,
}

impl<'b, R: Reader<'b>> Reader<'b> for Around<R> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        match self.step {
            Step::Begin => {
                self.step = Step::Name;
                Ok(Token::BeginObject)
            }
            Step::Name => {
                self.step = Step::Value;
                Ok(Token::Key(Cow::Borrowed(super::KEY_FIELD)))
            }
            Step::Value => {
                let token = self.inner.next()?;
                match token {
                    Token::BeginObject | Token::BeginArray => self.depth += 1,
                    Token::EndObject | Token::EndArray => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                if self.depth == 0 {
                    self.step = Step::End;
                }
                Ok(token)
            }
            Step::End => {
                self.step = Step::Behind;
                Ok(Token::EndObject)
            }
            Step::Behind => self.inner.next(),
        }
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.inner.skip()?;
        if self.step == Step::Value && self.depth == 0 {
            self.step = Step::End;
        }
        Ok(())
    }

    fn position(&self) -> usize {
        self.inner.position()
    }
}

impl<'b, R: Source<'b>> Source<'b> for Around<R> {
    fn plain(&self) -> Option<Token<'b>> {
        self.inner.plain()
    }
}
