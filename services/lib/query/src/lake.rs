//! Queries over tables made of files and views.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use futures::StreamExt;
use tidegate_flow::ports::Store;
use tidegate_flow::{Remedy, WorldError};
use tidegate_objectives::{QueryEngine, Rows, TableSource, TableSpec};

use crate::bridge::Bridge;
use crate::failure;
use crate::table::{self, LakeTable};

/// What one query may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory of sorts, groups and joins; a query that needs more fails. Nothing is spilled to disk.
    pub memory_bytes: usize,
    /// Time of one query.
    pub time: Duration,
    /// Rows that are handed out; an answer with more says that it was cut.
    pub rows_max: usize,
    /// Threads.
    pub threads: usize,
}

/// A store with Parquet files. Calls block and must not come from an async thread.
///
/// Files are listed anew by each query; their footers are kept between queries, which is sound because a file of the lake never changes.
pub struct Lake {
    runtime: tokio::runtime::Runtime,
    environment: Arc<RuntimeEnv>,
    limits: Limits,
}

// === impl Lake ===

impl Lake {
    /// A lake in this store, which may block as long as it likes: it is called from threads of its own.
    pub fn new(store: Arc<dyn Store>, limits: Limits) -> Result<Lake, WorldError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .thread_name("lake-query")
            .enable_time()
            .build()
            .map_err(|error| WorldError::caused(Remedy::Operator, "cannot start threads for queries", error))?;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_limit(limits.memory_bytes, 1.0)
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
            .map_err(|error| failure::world(&error, &limits))?;
        environment.register_object_store(table::store_url().as_ref(), Arc::new(Bridge::new(store)));
        Ok(Lake {
            runtime,
            environment,
            limits,
        })
    }

    async fn run(&self, tables: &[TableSpec], sql: &str) -> Result<Rows, WorldError> {
        let refused = |error| failure::refused(&error, &self.limits);
        let context = SessionContext::new_with_config_rt(self.config(), self.environment.clone());
        let state = context.state();
        let statement = query_only(&state, sql, &self.limits)?;

        let mut without_files = Vec::new();
        for spec in needed(&state, tables, &statement, &self.limits)? {
            let name = TableReference::bare(spec.name.as_str());
            match &spec.source {
                TableSource::Files { prefix, columns } => match LakeTable::open(&state, prefix, columns, &self.limits).await? {
                    Some(table) => drop(context.register_table(name, Arc::new(table)).map_err(refused)?),
                    None => without_files.push(spec.name.clone()),
                },
                // With a table missing below it the view cannot be planned, and nothing will be run.
                TableSource::View { .. } if !without_files.is_empty() => {}
                TableSource::View { sql } => {
                    let plan = context.state().create_logical_plan(sql).await.map_err(refused)?;
                    drop(
                        context
                            .register_table(name, Arc::new(ViewTable::new(plan, Some(sql.clone()))))
                            .map_err(refused)?,
                    );
                }
            }
        }
        if !without_files.is_empty() {
            return Ok(Rows {
                without_files,
                ..Rows::default()
            });
        }

        let plan = context.state().statement_to_plan(statement).await.map_err(refused)?;
        let read_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        read_only.verify_plan(&plan).map_err(refused)?;
        let frame = context.execute_logical_plan(plan).await.map_err(refused)?;
        let columns = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
        let frame = frame.limit(0, Some(self.limits.rows_max.saturating_add(1))).map_err(refused)?;
        let mut batches = frame.execute_stream().await.map_err(|error| failure::world(&error, &self.limits))?;
        let mut rows = Vec::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| failure::world(&error, &self.limits))?;
            crate::cell::read(&batch, &mut rows)?;
        }
        let truncated = rows.len() > self.limits.rows_max;
        rows.truncate(self.limits.rows_max);
        Ok(Rows {
            columns,
            rows,
            without_files,
            truncated,
        })
    }

    fn config(&self) -> SessionConfig {
        let mut config = SessionConfig::new()
            .with_target_partitions(self.limits.threads.max(1))
            .with_information_schema(false)
            .with_create_default_catalog_and_schema(true);
        let options = config.options_mut();
        // Names are matched as the contract writes them: JSON fields are often `camelCase`, and folding would hide them.
        options.sql_parser.enable_ident_normalization = false;
        // `amount > 10.10` on a decimal column must not become a comparison of doubles.
        options.sql_parser.parse_float_as_decimal = true;
        options.execution.parquet.pushdown_filters = false;
        config
    }
}

impl QueryEngine for Lake {
    fn query(&self, tables: &[TableSpec], sql: &str) -> Result<Rows, WorldError> {
        let limited = async { tokio::time::timeout(self.limits.time, self.run(tables, sql)).await };
        self.runtime.block_on(limited).unwrap_or_else(|_| {
            Err(WorldError::new(
                Remedy::Retry,
                format!("the query took longer than {} s", self.limits.time.as_secs()),
            ))
        })
    }
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lake").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The one statement of `sql`, if it is a query.
fn query_only(state: &SessionState, sql: &str, limits: &Limits) -> Result<Statement, WorldError> {
    let dialect = state.config_options().sql_parser.dialect;
    let statement = state
        .sql_to_statement(sql, &dialect)
        .map_err(|error| failure::refused(&error, limits))?;
    match &statement {
        Statement::Statement(inner) if matches!(**inner, SqlStatement::Query(_)) => Ok(statement),
        _ => Err(WorldError::new(
            Remedy::Operator,
            "only a query may run on the lake, and this is another statement",
        )),
    }
}

/// The tables that a statement names, directly or through views, those below before those above. Names that are no table of ours are left to
/// the planner, which knows the sentence for them.
fn needed<'t>(
    state: &SessionState,
    tables: &'t [TableSpec],
    statement: &Statement,
    limits: &Limits,
) -> Result<Vec<&'t TableSpec>, WorldError> {
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::new();
    visit(state, tables, statement, limits, &mut seen, &mut ordered)?;
    Ok(ordered)
}

fn visit<'t>(
    state: &SessionState,
    tables: &'t [TableSpec],
    statement: &Statement,
    limits: &Limits,
    seen: &mut BTreeSet<&'t str>,
    ordered: &mut Vec<&'t TableSpec>,
) -> Result<(), WorldError> {
    for reference in state
        .resolve_table_references(statement)
        .map_err(|error| failure::refused(&error, limits))?
    {
        let TableReference::Bare { table } = &reference else { continue };
        let Some(spec) = tables.iter().find(|spec| spec.name == **table) else {
            continue;
        };
        if !seen.insert(&spec.name) {
            continue;
        }
        if let TableSource::View { sql } = &spec.source {
            visit(state, tables, &query_only(state, sql, limits)?, limits, seen, ordered)?;
        }
        ordered.push(spec);
    }
    Ok(())
}

// === impl Limits ===

impl Default for Limits {
    /// 1 GiB, five minutes, 1,000 rows, as many threads as the machine has.
    fn default() -> Self {
        Limits {
            memory_bytes: 1 << 30,
            time: Duration::from_secs(300),
            rows_max: 1000,
            threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        }
    }
}
