//! Parts of an input: small choices first, then texts with their length before them, the rest last.

/// What is left of an input. Everything reads as zero or empty once it is used up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'d> {
    rest: &'d [u8],
}

// === impl Parts ===

impl<'d> Parts<'d> {
    pub(crate) fn of(data: &'d [u8]) -> Parts<'d> {
        Parts { rest: data }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// As many bytes as the byte before them says.
    pub(crate) fn chunk(&mut self) -> &'d [u8] {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (chunk, rest) = self.rest.split_at(length);
        self.rest = rest;
        chunk
    }

    /// A chunk as text; what is not UTF-8 is empty.
    pub(crate) fn text(&mut self) -> &'d str {
        std::str::from_utf8(self.chunk()).unwrap_or_default()
    }

    pub(crate) fn rest(self) -> &'d [u8] {
        self.rest
    }

    /// Up to `most` headers: a name, then a value of which length 255 means null.
    pub(crate) fn headers(&mut self, most: u8) -> Vec<(&'d str, Option<&'d [u8]>)> {
        let count = self.byte() % (most + 1);
        (0..count)
            .map(|_| {
                let name = self.text();
                let null = self.rest.first() == Some(&255);
                let value = if null {
                    self.byte();
                    None
                } else {
                    Some(self.chunk())
                };
                (name, value)
            })
            .collect()
    }
}

/// Writes parts, for seeds.
#[derive(Debug, Default)]
pub(crate) struct Build(Vec<u8>);

// === impl Build ===

impl Build {
    pub(crate) fn byte(mut self, byte: u8) -> Build {
        self.0.push(byte);
        self
    }

    pub(crate) fn short(mut self, value: u16) -> Build {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// At most 254 bytes of it.
    pub(crate) fn chunk(mut self, bytes: &[u8]) -> Build {
        let bytes = &bytes[..bytes.len().min(254)];
        self.0.push(u8::try_from(bytes.len()).unwrap_or_default());
        self.0.extend(bytes);
        self
    }

    pub(crate) fn headers(mut self, headers: &[(&str, Option<&[u8]>)]) -> Build {
        self.0.push(u8::try_from(headers.len()).unwrap_or_default());
        for (name, value) in headers {
            self = self.chunk(name.as_bytes());
            self = match value {
                Some(value) => self.chunk(value),
                None => self.byte(255),
            };
        }
        self
    }

    pub(crate) fn rest(mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.extend(bytes);
        self.0
    }
}
