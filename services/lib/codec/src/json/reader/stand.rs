//! Where a reader stands, for a look [`crate::json::ahead`], and how it goes on behind what was taken there.

use super::{JsonReader, State};
use crate::known::Word;

// === impl JsonReader ===

impl<'b> JsonReader<'b> {
    /// What is left where the reader stands in an object or a list, for a look [`crate::json::ahead`], and the byte that separates the next
    /// field or item from what was read: the bracket, at which the rest then begins, or the comma behind a value. None anywhere else.
    #[inline(always)]
    pub fn stand(&self) -> Option<(&'b [u8], u8)> {
        let rest = |at: usize| self.text.as_bytes().get(at..);
        match self.state {
            State::After => rest(self.at).map(|rest| (rest, b',')),
            // The bracket is the last byte that was read.
            State::FirstKey => rest(self.at.wrapping_sub(1)).map(|rest| (rest, b'{')),
            State::FirstItem => rest(self.at.wrapping_sub(1)).map(|rest| (rest, b'[')),
            State::Value | State::Spent => None,
        }
    }

    /// What is left where a value must follow, from the white space in front of it on. None anywhere else.
    #[inline(always)]
    pub fn value_ahead(&self) -> Option<&'b [u8]> {
        match self.state {
            State::Value => self.text.as_bytes().get(self.at..),
            _ => None,
        }
    }

    /// Goes behind a value that was taken ahead; `rest` is what is left.
    #[inline(always)]
    pub fn go_behind(&mut self, rest: &[u8]) {
        self.at = self.text.len() - rest.len();
        self.state = State::After;
    }

    /// Goes to the value of a field whose name was taken ahead. Such a name is not remembered: whoever takes it notices when it comes twice,
    /// and says so with [`Reader::repeated`].
    #[inline(always)]
    pub fn go_to_field(&mut self, name: &Word, rest: &[u8]) {
        self.go_to_item(rest);
        self.last_key = self.at - name.written_len();
    }

    /// Goes to an item of a list.
    #[inline(always)]
    pub fn go_to_item(&mut self, rest: &[u8]) {
        self.at = self.text.len() - rest.len();
        self.state = State::Value;
    }

    /// Goes out of an object or a list whose end was taken ahead.
    #[inline(always)]
    pub fn go_out(&mut self, rest: &[u8]) {
        self.go_behind(rest);
        self.depth -= 1;
        if self.objects >> self.depth & 1 == 1
            && let Some(keys) = &mut self.keys
        {
            keys.leave(self.depth);
        }
    }

    /// Where a value must follow: goes into an object (or a list), if one begins and there is room for another level.
    #[inline(always)]
    pub fn go_in(&mut self, object: bool) -> bool {
        let (bracket, begin) = if object {
            (b'{', State::FirstKey)
        } else {
            (b'[', State::FirstItem)
        };
        if self.state != State::Value || self.depth == self.depth_max || self.peek() != Some(bracket) {
            return false;
        }
        let open = self.open(object).is_ok();
        self.state = begin;
        open
    }
}
