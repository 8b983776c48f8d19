//! A MongoDB document of which only some fields are known: its `_id`, what an update set and what it removed.

use std::borrow::Cow;

use super::Texts;
use super::envelope::bad;
use super::extended::ExtendedReader;
use super::mongo::Document;
use crate::failure::DecodeFailure;
use crate::token::{Reader, Token};

/// Reads `_id`, then the fields that were set, then null for those that were removed. A path into a field (`address.city`, `tags.0`) says
/// nothing of the whole, so the field is left out.
#[derive(Debug, Clone)]
pub(super) struct PartialReader<'b> {
    id: Option<ExtendedReader<'b>>,
    updated: Option<ExtendedReader<'b>>,
    removed: Option<&'b Texts>,
    state: State,
    depth: usize,
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    IdName,
    Id,
    Open,
    Updated,
    /// Index into the removed names.
    Removed(usize),
    RemovedValue(usize),
    End,
}

// === impl PartialReader ===

impl<'b> PartialReader<'b> {
    pub(super) fn new(id: Option<Document<'b>>, updated: Option<Document<'b>>, removed: Option<&'b Texts>) -> PartialReader<'b> {
        PartialReader {
            id: id.map(ExtendedReader::new),
            updated: updated.map(ExtendedReader::new),
            removed,
            state: State::Begin,
            depth: 0,
            at: 0,
        }
    }

    /// The last token as it was written, see [`ExtendedReader::raw`].
    pub(super) fn raw(&self) -> Option<Token<'b>> {
        match (self.state, &self.updated) {
            (State::Updated, Some(updated)) => updated.raw(),
            _ => None,
        }
    }

    /// A token of `_id`; behind it the next part begins.
    fn id(&mut self) -> Result<Token<'b>, DecodeFailure> {
        let Some(id) = &mut self.id else { return bad(self.at) };
        let token = id.next()?;
        match &token {
            Token::BeginObject | Token::BeginArray => self.depth += 1,
            Token::EndObject | Token::EndArray => self.depth -= 1,
            _ => {}
        }
        if self.depth == 0 {
            self.id_ends()?;
        }
        Ok(token)
    }

    fn id_ends(&mut self) -> Result<(), DecodeFailure> {
        if let Some(id) = &mut self.id {
            self.at = id.position();
            id.next()?;
        }
        self.state = State::Open;
        Ok(())
    }

    /// A token of what was set; none for fields that are not known whole and at the end.
    fn updated(&mut self) -> Result<Option<Token<'b>>, DecodeFailure> {
        let Some(updated) = &mut self.updated else { return bad(self.at) };
        let token = updated.next()?;
        match &token {
            Token::Key(key) if self.depth == 0 => {
                if key.contains('.') || (self.id.is_some() && key == "_id") {
                    return updated.skip().map(|()| None);
                }
                if self.removed.is_some_and(|removed| removed.has_name(key)) {
                    return bad(updated.position());
                }
            }
            Token::EndObject if self.depth == 0 => {
                self.at = updated.position();
                updated.next()?;
                self.state = State::Removed(0);
                return Ok(None);
            }
            Token::BeginObject | Token::BeginArray => self.depth += 1,
            Token::EndObject | Token::EndArray => self.depth -= 1,
            _ => {}
        }
        Ok(Some(token))
    }
}

impl<'b> Reader<'b> for PartialReader<'b> {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        loop {
            match self.state {
                State::Begin => {
                    self.state = if self.id.is_some() { State::IdName } else { State::Open };
                    return Ok(Token::BeginObject);
                }
                State::IdName => {
                    self.state = State::Id;
                    return Ok(Token::Key(Cow::Borrowed("_id")));
                }
                State::Id => return self.id(),
                State::Open => match &mut self.updated {
                    None => self.state = State::Removed(0),
                    Some(updated) => match updated.next()? {
                        Token::BeginObject => self.state = State::Updated,
                        _ => return bad(updated.position()),
                    },
                },
                State::Updated => {
                    if let Some(token) = self.updated()? {
                        return Ok(token);
                    }
                }
                State::Removed(index) => match self.removed.and_then(|removed| removed.name(index)) {
                    Some(name) if name.contains('.') => self.state = State::Removed(index + 1),
                    Some(name) => {
                        self.state = State::RemovedValue(index);
                        return Ok(Token::Key(Cow::Borrowed(name)));
                    }
                    None => {
                        self.state = State::End;
                        return Ok(Token::EndObject);
                    }
                },
                State::RemovedValue(index) => {
                    self.state = State::Removed(index + 1);
                    return Ok(Token::Null);
                }
                State::End => return Ok(Token::End),
            }
        }
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        match (self.state, &mut self.id, &mut self.updated) {
            (State::Id, Some(id), _) if self.depth == 0 => {
                id.skip()?;
                self.id_ends()
            }
            (State::Id, Some(id), _) => id.skip(),
            (State::Updated, _, Some(updated)) => updated.skip(),
            _ => self.next().map(|_| ()),
        }
    }

    fn position(&self) -> usize {
        match (self.state, &self.id, &self.updated) {
            (State::Id, Some(id), _) => id.position(),
            (State::Updated, _, Some(updated)) => updated.position(),
            _ => self.at,
        }
    }
}
