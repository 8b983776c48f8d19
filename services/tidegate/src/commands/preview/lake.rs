//! Rows of Parquet files of the lake.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_columnar::lines::{FileFacts, Form, Lines, facts, lines};
use tidegate_flow::{Offset, Origin, Remedy, TopicPartition, WorldError};
use tidegate_preview::lake::{Column, Row};
use tidegate_preview::{Chunk, Feed, LakeView, Pair};

/// A file is read whole; the sink closes its slots far below this.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// What every preview of rows says.
const NO_REFUSED: &str = "events that were refused have no rows, so nothing newly passes here; preview the dead letters, too";

/// Rows of files of one object.
pub(super) struct LakeFeed {
    files: VecDeque<PathBuf>,
    view: Arc<LakeView>,
    of: (String, String),
    now: i64,
    open: Option<(String, Lines)>,
    rest: VecDeque<Row>,
}

/// Whether an input is meant as rows of the lake: a folder, or a file of that name.
pub(super) fn is_lake(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|ending| ending == "parquet")
}

// === impl LakeFeed ===

impl LakeFeed {
    pub(super) fn open(pair: &Pair, path: &Path, now: i64) -> anyhow::Result<LakeFeed> {
        let mut files = Vec::new();
        match path.is_dir() {
            true => list(path, &mut files)?,
            false => files.push(path.to_path_buf()),
        }
        files.sort();
        let Some(first) = files.first() else {
            bail!("{}: holds no Parquet file", path.display())
        };
        let described = read(first)
            .and_then(|bytes| facts(&bytes))
            .map_err(|why| anyhow::anyhow!("{}: {why}", first.display()))?;
        let view = LakeView::new(pair, &described.contract, &described.object, &columns(&described))
            .map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
        Ok(LakeFeed {
            files: files.into(),
            view: Arc::new(view),
            of: (described.contract, described.object),
            now,
            open: None,
            rest: VecDeque::new(),
        })
    }

    /// What rows cannot tell, for the report.
    pub(super) fn unknown(&self) -> Vec<String> {
        let mut unknown = vec![String::from(NO_REFUSED)];
        if !self.view.undecided.is_empty() {
            unknown.push(format!("what changed and rows do not decide: {}", self.view.undecided.join(", ")));
        }
        unknown
    }

    fn fill(&mut self) -> Result<bool, String> {
        loop {
            if let Some((file, open)) = &mut self.open {
                match open.next() {
                    Some(rows) => {
                        let rows = rows.map_err(|why| format!("{file}: {why}"))?;
                        self.rest.extend(rows.into_iter().map(|line| Row {
                            origin: Origin {
                                at: TopicPartition {
                                    topic: line.source.0,
                                    partition: line.source.1,
                                },
                                offset: Offset(line.source.2),
                            },
                            version: line.version,
                            is_gone: line.op.as_deref().is_some_and(|op| op == "tombstone" || op == "d"),
                            json: line.json,
                        }));
                        if !self.rest.is_empty() {
                            return Ok(true);
                        }
                        continue;
                    }
                    None => self.open = None,
                }
            }
            let Some(file) = self.files.pop_front() else { return Ok(false) };
            let name = file.display().to_string();
            let bytes = read(&file).map_err(|why| format!("{name}: {why}"))?;
            let described = facts(&bytes).map_err(|why| format!("{name}: {why}"))?;
            if (&described.contract, &described.object) != (&self.of.0, &self.of.1) {
                return Err(format!(
                    "{name}: holds rows of {} {}, others before it of {} {}; preview them one by one",
                    described.contract, described.object, self.of.0, self.of.1
                ));
            }
            // A minor version may have brought columns that this file does not have: then its rows cannot be judged as the others.
            let missing = self
                .view
                .columns
                .iter()
                .find(|name| !described.columns.iter().any(|(column, _)| column == *name));
            if let Some(missing) = missing {
                return Err(format!(
                    "{name}: has no column {missing}, which the first file has; preview the files apart"
                ));
            }
            let open = lines(bytes, &self.view.columns, &self.view.raw).map_err(|why| format!("{name}: {why}"))?;
            self.open = Some((name, open));
        }
    }
}

impl Feed for LakeFeed {
    fn next(&mut self, events_max: u64) -> Result<Option<Chunk>, WorldError> {
        if self.rest.is_empty() && !self.fill().map_err(|why| WorldError::new(Remedy::Operator, why))? {
            return Ok(None);
        }
        let count = usize::try_from(events_max).unwrap_or(usize::MAX).min(self.rest.len());
        Ok(Some(Chunk::Rows {
            view: self.view.clone(),
            rows: self.rest.drain(..count).collect(),
            now: self.now,
        }))
    }
}

fn columns(facts: &FileFacts) -> Vec<Column> {
    let column = |(name, form): &(Arc<str>, Form)| Column {
        name: name.clone(),
        is_plain: *form == Form::Plain,
        has_json: *form != Form::Bytes,
    };
    facts.columns.iter().map(column).collect()
}

fn read(file: &Path) -> Result<bytes::Bytes, String> {
    let length = std::fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("has {length} bytes; a file of more than 1 GiB is not read"));
    }
    std::fs::read(file)
        .map(Into::into)
        .map_err(|error| format!("cannot be read: {error}"))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("{}: cannot be read", folder.display()))?;
        // Links are not followed: they may lead around in circles.
        let kind = entry.file_type().with_context(|| format!("{}: cannot be read", folder.display()))?;
        if kind.is_dir() {
            list(&entry.path(), files)?;
        } else if kind.is_file() && entry.path().extension().is_some_and(|ending| ending == "parquet") {
            files.push(entry.path());
        }
    }
    Ok(())
}
