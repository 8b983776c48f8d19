//! `tidegate schema`: a JSON Schema of contract files, for editors.

use std::io::Write as _;

use tidegate_export::editor::editor_schema;

use crate::exit::Exit;

pub(crate) fn run() -> Exit {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text().as_bytes()).and_then(|()| out.flush()) {
        crate::screen::leave(&error);
    }
    Exit::Clean
}

/// The document as it is written to a file.
pub(crate) fn text() -> String {
    format!("{:#}\n", editor_schema())
}
