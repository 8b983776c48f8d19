//! Rows on their way into columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, MapArray, StructArray};
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use tidegate_check::RowSink;
use tidegate_check::plan::Node;
use tidegate_check::verdict::Facts;
use tidegate_codec::Scalar;

use crate::column::{Column, Misfit};
use crate::schema::{Layout, LayoutError, Shape, fixed_fields, unavailable_item};

/// Collects the rows of one contract object and major, of any of its minor versions. One row at a time is open between
/// [`RowBuilder::begin_row`] and [`RowBuilder::commit_row`] or [`RowBuilder::discard_row`]; a judge fills it through [`RowSink`].
#[derive(Debug)]
pub struct RowBuilder {
    layout: Layout,
    /// One per field of the layout.
    columns: Vec<Column>,
    /// For each admitted plan: node to field.
    plans: Vec<Vec<usize>>,
    current: usize,
    fixed: FixedColumns,
    rows: usize,
    /// Fields that the open row did not get from its source.
    unavailable: Vec<usize>,
    fault: Option<RowFault>,
    bytes: usize,
    bytes_before: usize,
}

/// A plan that the builder has columns for; belongs to the builder that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted(usize);

/// What a row carries beside its own values.
#[derive(Debug, Clone, Copy)]
pub struct RowMeta<'a> {
    /// Topic that the validator consumed.
    pub source_topic: &'a str,
    /// Its partition.
    pub source_partition: i32,
    /// Its offset.
    pub source_offset: i64,
    /// Validated topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Record timestamp in milliseconds since the epoch, as Kafka holds it.
    pub timestamp_millis: Option<i64>,
    /// Version text of the contract, such as `1.4.0`.
    pub contract_version: &'a str,
    /// Snapshot commit.
    pub snapshot: &'a str,
}

/// Why a row could not be kept. The judge and the plan disagree (our mistake), or the builder is full; never the event's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// A value of another type than its column, or outside of the type's range.
    #[error("the value of column `{0}` does not fit its type")]
    Type(Arc<str>),
    /// Values of a column without an end, twice, or out of step.
    #[error("the values of column `{0}` came out of step")]
    Step(Arc<str>),
    /// The builder holds as much as Arrow's 32-bit offsets can.
    #[error("column `{0}` is full")]
    Full(Arc<str>),
}

#[derive(Debug)]
struct FixedColumns {
    source_topic: Column,
    source_partition: Column,
    source_offset: Column,
    topic: Column,
    partition: Column,
    offset: Column,
    timestamp: Column,
    contract_version: Column,
    snapshot: Column,
    op: Column,
    cdc: Option<CdcColumns>,
}

#[derive(Debug)]
struct CdcColumns {
    source_time: Column,
    source_position: Column,
    unavailable: Column,
    unavailable_names: Column,
}

// === impl RowBuilder ===

impl RowBuilder {
    /// An empty builder. `cdc` adds the columns of change events.
    pub fn new(cdc: bool) -> Self {
        let layout = Layout::new();
        let columns = vec![Column::new(&layout.fields[0].shape)];
        RowBuilder {
            layout,
            columns,
            plans: Vec::new(),
            current: 0,
            fixed: FixedColumns::new(cdc),
            rows: 0,
            unavailable: Vec::new(),
            fault: None,
            bytes: 0,
            bytes_before: 0,
        }
    }

    /// Makes room for rows of a plan, given as its nodes. Columns that are new get nulls in the rows that are there. Call between rows.
    pub fn admit(&mut self, plan: &[Node]) -> Result<Admitted, LayoutError> {
        let known = self.layout.fields.len();
        let places = self.layout.merge(plan)?;
        for field in known..self.layout.fields.len() {
            let mut column = Column::new(&self.layout.fields[field].shape);
            let parent = self.layout.fields[field].parent;
            // Parts of a list or map that is new have no items yet; members of a struct are as many as the struct.
            if let Shape::Struct(_) = self.layout.fields[parent].shape {
                for _ in 0..self.columns[parent].len() {
                    column.push_null();
                }
            }
            self.columns.push(column);
        }
        self.plans.push(places);
        Ok(Admitted(self.plans.len() - 1))
    }

    /// Opens a row whose values will be numbered by that plan's nodes.
    pub fn begin_row(&mut self, plan: Admitted) {
        self.current = plan.0;
        self.bytes_before = self.bytes;
    }

    /// Keeps the row. After a fault the row is gone and the builder as it was before it.
    pub fn commit_row(&mut self, meta: &RowMeta<'_>, facts: &Facts) -> Result<(), RowFault> {
        self.columns[0].push_struct();
        self.fill(0);
        if self.fault.is_none() {
            self.fixed
                .push(meta, facts, &self.unavailable, &self.layout)
                .unwrap_or_else(|fault| self.fault = Some(fault));
        }
        if let Some(fault) = self.fault.take() {
            self.discard_row();
            return Err(fault);
        }
        self.rows += 1;
        // Offsets, partitions, timestamps and short texts of the fixed columns.
        self.bytes += 64 + meta.source_topic.len() + meta.topic.len() + meta.snapshot.len();
        self.unavailable.clear();
        Ok(())
    }

    /// Drops the open row without a trace.
    pub fn discard_row(&mut self) {
        self.cut(0, self.rows);
        self.fixed.truncate(self.rows);
        self.unavailable.clear();
        self.fault = None;
        self.bytes = self.bytes_before;
    }

    /// How many rows are kept.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// About how much memory the values take.
    pub fn bytes_estimate(&self) -> usize {
        self.bytes
    }

    /// All rows as one batch.
    pub fn finish(self) -> RecordBatch {
        let RowBuilder {
            layout,
            columns,
            fixed,
            rows,
            ..
        } = self;
        let mut columns: Vec<Option<Column>> = columns.into_iter().map(Some).collect();
        let mut fields = layout.top_fields();
        let Shape::Struct(top) = &layout.fields[0].shape else {
            unreachable!("field 0 is the row, a struct")
        };
        let mut arrays: Vec<ArrayRef> = top.iter().map(|&child| array(&layout, child, &mut columns)).collect();
        fields.extend(fixed_fields(fixed.cdc.is_some()));
        arrays.extend(fixed.finish());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .expect("columns are as long as there are rows and typed by the same layout")
    }

    fn place(&self, node: usize) -> usize {
        self.plans[self.current][node]
    }

    /// Adds nulls to the members of a struct until they are as many as the struct.
    fn fill(&mut self, field: usize) {
        let Shape::Struct(children) = &self.layout.fields[field].shape else {
            return;
        };
        let length = self.columns[field].len();
        for child in children.clone() {
            match self.columns[child].len() {
                short if short + 1 == length => self.push_null(child),
                exact if exact == length => {}
                _ => self.out_of_step(child),
            }
        }
    }

    fn push_null(&mut self, field: usize) {
        self.columns[field].push_null();
        self.fill(field);
    }

    fn cut(&mut self, field: usize, length: usize) {
        let end = self.columns[field].end_at(length.min(self.columns[field].len()));
        self.columns[field].truncate(length);
        match self.layout.fields[field].shape.clone() {
            Shape::Leaf(_) => {}
            Shape::Struct(children) => children.into_iter().for_each(|child| self.cut(child, length)),
            Shape::List(item) => self.cut(item, end),
            Shape::Map(key, value) => {
                self.cut(key, end);
                self.cut(value, end);
            }
        }
    }

    fn out_of_step(&mut self, field: usize) {
        self.fault.get_or_insert(RowFault::Step(self.layout.fields[field].path.clone()));
    }

    fn misfit(&mut self, field: usize, misfit: Misfit) {
        let path = self.layout.fields[field].path.clone();
        self.fault.get_or_insert(match misfit {
            Misfit::Type => RowFault::Type(path),
            Misfit::Full => RowFault::Full(path),
        });
    }

    fn text(&mut self, field: usize, text: &str) {
        match self.columns[field].push_bytes(text.as_bytes()) {
            Ok(()) => self.bytes += text.len() + 5,
            Err(misfit) => self.misfit(field, misfit),
        }
    }
}

impl RowSink for RowBuilder {
    fn scalar(&mut self, node: usize, value: &Scalar<'_>) {
        let field = self.place(node);
        if self.fault.is_some() {
            return;
        }
        let Shape::Leaf(leaf) = self.layout.fields[field].shape else {
            return self.misfit(field, Misfit::Type);
        };
        match self.columns[field].push_scalar(leaf, value) {
            Ok(bytes) => self.bytes += bytes,
            Err(misfit) => self.misfit(field, misfit),
        }
    }

    fn null(&mut self, node: usize) {
        let field = self.place(node);
        if field != 0 && self.fault.is_none() {
            self.push_null(field);
            self.bytes += 9;
        }
    }

    fn begin(&mut self, node: usize) {
        let field = self.place(node);
        if field == 0 || self.fault.is_some() {
            return;
        }
        if let Shape::Struct(_) = self.layout.fields[field].shape {
            self.columns[field].push_struct();
            self.bytes += 1;
        }
    }

    fn end(&mut self, node: usize) {
        let field = self.place(node);
        if field == 0 || self.fault.is_some() {
            return;
        }
        let items = match self.layout.fields[field].shape {
            Shape::Struct(_) => return self.fill(field),
            // An object without properties: the judge had nothing to report of it.
            Shape::Leaf(_) => return self.text(field, "{}"),
            Shape::List(item) => self.columns[item].len(),
            Shape::Map(key, value) => {
                if self.columns[key].len() != self.columns[value].len() {
                    return self.out_of_step(field);
                }
                self.columns[key].len()
            }
        };
        self.bytes += 5;
        if let Err(misfit) = self.columns[field].push_end(items) {
            self.misfit(field, misfit);
        }
    }

    fn any(&mut self, node: usize, json: &str) {
        let field = self.place(node);
        if self.fault.is_none() {
            self.text(field, json);
        }
    }

    fn unavailable(&mut self, node: usize) {
        let field = self.place(node);
        if self.fault.is_none() {
            self.unavailable.push(field);
            self.push_null(field);
        }
    }
}

// === impl FixedColumns ===

impl FixedColumns {
    fn new(cdc: bool) -> Self {
        FixedColumns {
            source_topic: Column::text(),
            source_partition: Column::int32(),
            source_offset: Column::int64(),
            topic: Column::text(),
            partition: Column::int32(),
            offset: Column::int64(),
            timestamp: Column::int64(),
            contract_version: Column::text(),
            snapshot: Column::text(),
            op: Column::text(),
            cdc: cdc.then(|| CdcColumns {
                source_time: Column::int64(),
                source_position: Column::text(),
                unavailable: Column::list(),
                unavailable_names: Column::text(),
            }),
        }
    }

    fn push(&mut self, meta: &RowMeta<'_>, facts: &Facts, unavailable: &[usize], layout: &Layout) -> Result<(), RowFault> {
        let full = |_| RowFault::Full("_tidegate_".into());
        self.source_topic.push_bytes(meta.source_topic.as_bytes()).map_err(full)?;
        self.source_partition.push_i32(meta.source_partition);
        self.source_offset.push_i64(meta.source_offset);
        self.topic.push_bytes(meta.topic.as_bytes()).map_err(full)?;
        self.partition.push_i32(meta.partition);
        self.offset.push_i64(meta.offset);
        // A timestamp that microseconds cannot hold is 292,000 years away; it is no time.
        match meta.timestamp_millis.and_then(|millis| millis.checked_mul(1_000)) {
            Some(micros) => self.timestamp.push_i64(micros),
            None => self.timestamp.push_null(),
        }
        self.contract_version.push_bytes(meta.contract_version.as_bytes()).map_err(full)?;
        self.snapshot.push_bytes(meta.snapshot.as_bytes()).map_err(full)?;
        match facts.op {
            Some(op) => self.op.push_bytes(op.as_str().as_bytes()).map_err(full)?,
            None => self.op.push_null(),
        }
        let Some(cdc) = &mut self.cdc else { return Ok(()) };
        match facts.source_time {
            Some(micros) => cdc.source_time.push_i64(micros),
            None => cdc.source_time.push_null(),
        }
        match &facts.source_position {
            Some(position) => cdc.source_position.push_bytes(position.as_bytes()).map_err(full)?,
            None => cdc.source_position.push_null(),
        }
        if unavailable.is_empty() {
            cdc.unavailable.push_null();
            return Ok(());
        }
        for &field in unavailable {
            cdc.unavailable_names
                .push_bytes(layout.fields[field].path.as_bytes())
                .map_err(full)?;
        }
        cdc.unavailable.push_end(cdc.unavailable_names.len()).map_err(full)
    }

    fn truncate(&mut self, rows: usize) {
        let all = [
            &mut self.source_topic,
            &mut self.source_partition,
            &mut self.source_offset,
            &mut self.topic,
            &mut self.partition,
            &mut self.offset,
            &mut self.timestamp,
            &mut self.contract_version,
            &mut self.snapshot,
            &mut self.op,
        ];
        all.into_iter().for_each(|column| column.truncate(rows));
        if let Some(cdc) = &mut self.cdc {
            cdc.source_time.truncate(rows);
            cdc.source_position.truncate(rows);
            cdc.unavailable.truncate(rows);
            cdc.unavailable_names.truncate(cdc.unavailable.last_end());
        }
    }

    fn finish(self) -> Vec<ArrayRef> {
        let fields = fixed_fields(self.cdc.is_some());
        let mut columns = vec![
            self.source_topic,
            self.source_partition,
            self.source_offset,
            self.topic,
            self.partition,
            self.offset,
            self.timestamp,
            self.contract_version,
            self.snapshot,
            self.op,
        ];
        let mut lists = None;
        if let Some(cdc) = self.cdc {
            columns.extend([cdc.source_time, cdc.source_position]);
            lists = Some((cdc.unavailable, cdc.unavailable_names));
        }
        let mut arrays: Vec<ArrayRef> = columns
            .into_iter()
            .zip(&fields)
            .map(|(column, field)| column.into_leaf(field.data_type()))
            .collect();
        if let Some((lists, names)) = lists {
            let item = unavailable_item();
            let names = names.into_leaf(item.data_type());
            arrays.push(list(item, lists, names));
        }
        arrays
    }
}

/// Builds the array of a field and of everything below it.
fn array(layout: &Layout, index: usize, columns: &mut [Option<Column>]) -> ArrayRef {
    let column = columns[index].take().expect("each field has one place in the tree");
    match &layout.fields[index].shape {
        Shape::Leaf(leaf) => column.into_leaf(&leaf.data_type()),
        Shape::Struct(children) => {
            let fields: Vec<_> = children.iter().map(|&child| layout.field(child, true)).collect();
            let arrays: Vec<_> = children.iter().map(|&child| array(layout, child, columns)).collect();
            let (nulls, _) = column.into_parts();
            Arc::new(StructArray::new(fields.into(), arrays, nulls))
        }
        Shape::List(item) => {
            let items = array(layout, *item, columns);
            list(layout.field(*item, true), column, items)
        }
        Shape::Map(key, value) => {
            let keys = array(layout, *key, columns);
            let values = array(layout, *value, columns);
            let entries = StructArray::new(
                vec![layout.field(*key, false), layout.field(*value, true)].into(),
                vec![keys, values],
                None,
            );
            let (nulls, offsets) = column.into_parts();
            let offsets = offsets.expect("a map column has ends");
            Arc::new(MapArray::new(layout.entries_field(*key, *value), offsets, entries, nulls, false))
        }
    }
}

fn list(item: arrow::datatypes::FieldRef, column: Column, items: ArrayRef) -> ArrayRef {
    let (nulls, offsets) = column.into_parts();
    let offsets = offsets.expect("a list column has ends");
    debug_assert_eq!(usize::try_from(offsets[offsets.len() - 1]), Ok(items.len()));
    Arc::new(ListArray::new(item, offsets, items, nulls))
}

#[cfg(test)]
mod tests;
