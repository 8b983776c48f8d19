//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets};

/// A plain table; `rows` have as many cells as `headings`.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings);
    for row in rows {
        table.add_row(row.map(|cell| crate::screen::escaped(&cell)));
    }
    table.trim_fmt()
}
