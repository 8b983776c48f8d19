//! A document that is looked at instead of read: every step takes exactly what a reader would have read, or nothing.

use std::borrow::Cow;

use super::Image;
use super::block::Payload;
use crate::json::ahead;
use crate::known::Word;

/// Whoever looks at the row behind `after` where it stands: how many bytes it took, or zero when its end is to be looked for.
pub(super) type See<'s, 'b> = &'s mut dyn FnMut(&'b [u8]) -> usize;

/// A document and what is left of it.
pub(super) struct Look<'b> {
    text: &'b str,
    pub(super) rest: &'b [u8],
}

// === impl Look ===

impl<'b> Look<'b> {
    /// At the value of a payload that nobody has read from yet.
    pub(super) fn at(payload: &Payload<'b>) -> Option<Look<'b>> {
        Some(Look {
            text: payload.reader.rest(),
            rest: payload.reader.value_ahead()?,
        })
    }

    /// Takes an object of these fields.
    #[inline(always)]
    pub(super) fn object<K>(&mut self, fields: &[(Word, K)], mut value: impl FnMut(&mut Look<'b>, &K) -> Option<()>) -> Option<()> {
        let mut separator = b'{';
        for (name, field) in fields {
            self.take(ahead::name(self.rest, separator, name))?;
            self.space();
            value(self, field)?;
            separator = b',';
        }
        if separator == b'{' {
            return None;
        }
        self.take(ahead::separator(self.rest, b'}')).map(|_| ())
    }

    /// Takes so many bytes, which are none where it was not what was looked for.
    #[inline(always)]
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        if len == 0 {
            return None;
        }
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline(always)]
    fn space(&mut self) {
        self.rest = &self.rest[ahead::space(self.rest)..];
    }

    #[inline(always)]
    pub(super) fn null(&mut self) -> bool {
        self.take(ahead::null(self.rest)).is_some()
    }

    #[inline]
    pub(super) fn leaf(&mut self) -> Option<()> {
        let len = match self.rest.first()? {
            b'0'..=b'9' => ahead::whole(self.rest),
            _ => 0,
        };
        let len = if len > 0 { len } else { ahead::leaf(self.rest) };
        self.take(len).map(|_| ())
    }

    pub(super) fn text(&mut self) -> Option<Option<Cow<'b, str>>> {
        if self.null() {
            return Some(None);
        }
        let start = self.text.len() - self.rest.len() + 1;
        let len = self.take(ahead::text(self.rest))?.len();
        self.text.get(start..start + len - 2).map(|text| Some(Cow::Borrowed(text)))
    }

    pub(super) fn integer(&mut self) -> Option<Option<i64>> {
        if self.null() {
            return Some(None);
        }
        let (value, len) = ahead::integer(self.rest)?;
        self.take(len)?;
        Some(Some(value))
    }

    /// Takes a row, or the null that stands for none.
    pub(super) fn row(&mut self, payload: &Payload<'b>, base: usize, field: &str, see: See<'_, 'b>) -> Option<Option<Image<'b>>> {
        if self.null() {
            return Some(None);
        }
        if self.rest.first() != Some(&b'{') {
            return None;
        }
        let start = self.text.len() - self.rest.len();
        let taken = match &payload.shapes {
            Some(_) => 0,
            None => see(self.rest),
        };
        let len = match taken {
            0 => ahead::container(self.rest),
            taken => taken,
        };
        let text = self.text.get(start..start + self.take(len)?.len())?;
        let image = payload.image(text, base + start, field);
        Some(Some(if taken > 0 { image.taken() } else { image }))
    }
}
