//! A row with some of its values replaced: Maxwell's old row.

use super::Texts;
use crate::failure::DecodeFailure;
use crate::json::JsonReader;
use crate::token::{Reader, Token};

/// Reads the replacements, then the fields of the row that have none.
#[derive(Debug, Clone)]
pub(super) struct OverlayReader<'b> {
    over: JsonReader<'b>,
    under: JsonReader<'b>,
    /// Names that `over` has, sorted.
    names: &'b Texts,
    /// `over` is at its end.
    below: bool,
    depth: usize,
}

// === impl OverlayReader ===

impl<'b> OverlayReader<'b> {
    pub(super) fn new(over: JsonReader<'b>, under: JsonReader<'b>, names: &'b Texts) -> OverlayReader<'b> {
        OverlayReader {
            over,
            under,
            names,
            below: false,
            depth: 0,
        }
    }

    fn current(&mut self) -> &mut JsonReader<'b> {
        if self.below { &mut self.under } else { &mut self.over }
    }
}

impl<'b> Reader<'b> for OverlayReader<'b> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        loop {
            let token = self.current().next()?;
            match &token {
                Token::EndObject if self.depth == 1 && !self.below => {
                    self.over.next()?;
                    self.below = true;
                    // Its begin stands for both.
                    self.under.next()?;
                    continue;
                }
                Token::Key(key) if self.depth == 1 && self.below && self.names.has_name(key) => {
                    self.under.skip()?;
                    continue;
                }
                Token::BeginObject | Token::BeginArray => self.depth += 1,
                Token::EndObject | Token::EndArray => self.depth -= 1,
                _ => {}
            }
            return Ok(token);
        }
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        self.current().skip()
    }

    fn position(&self) -> usize {
        if self.below { self.under.position() } else { self.over.position() }
    }
}
