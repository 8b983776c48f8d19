//! The Parquet files below one prefix as a table whose columns are the union of theirs.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt, TryStreamExt};
use tidegate_flow::{Remedy, WorldError};

use crate::lake::Limits;
use crate::{failure, union};

/// How many footers are read at once.
const FOOTERS_AT_ONCE: usize = 16;

/// A table of files. Made for one query.
#[derive(Debug)]
pub(crate) struct LakeTable {
    schema: SchemaRef,
    files: Vec<ObjectMeta>,
}

/// The name under which the lake's store is registered.
pub(crate) fn store_url() -> ObjectStoreUrl {
    ObjectStoreUrl::parse("lake://store").expect("a constant that parses")
}

// === impl LakeTable ===

impl LakeTable {
    /// Lists the prefix and reads the footers; none when there is no Parquet file. Columns that no file has become null columns.
    pub(crate) async fn open(state: &SessionState, prefix: &str, columns: &[String], limits: &Limits) -> Result<Option<Self>, WorldError> {
        let world = |error| failure::world(&error, limits);
        let store = state.runtime_env().object_store(store_url()).map_err(world)?;
        let files = list(&*store, prefix).await.map_err(|error| world(error.into()))?;
        if files.is_empty() {
            return Ok(None);
        }
        let format = ParquetFormat::default();
        let schemas: Vec<(&ObjectMeta, SchemaRef)> = futures::stream::iter(&files)
            .map(|file| {
                let (format, store) = (&format, &store);
                async move { Ok((file, format.infer_schema(state, store, std::slice::from_ref(file)).await?)) }
            })
            .buffered(FOOTERS_AT_ONCE)
            .try_collect()
            .await
            .map_err(world)?;
        let mut union = union::Union::default();
        for (file, schema) in schemas {
            union
                .add(file.location.as_ref(), &schema)
                .map_err(|what| WorldError::new(Remedy::Operator, what))?;
        }
        let mut fields = union.fields();
        for column in columns {
            if !fields.iter().any(|field| field.name() == column) {
                fields.push(Arc::new(Field::new(column, DataType::Null, true)));
            }
        }
        Ok(Some(LakeTable {
            schema: Arc::new(Schema::new(fields)),
            files,
        }))
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let lanes = state.config_options().execution.target_partitions.clamp(1, self.files.len());
        let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new(); lanes];
        for (at, file) in self.files.iter().enumerate() {
            groups[at % lanes].push(PartitionedFile::new_from_meta(file.clone()));
        }
        let source = Arc::new(ParquetSource::new(self.schema.clone()));
        let scan = FileScanConfigBuilder::new(store_url(), source)
            .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        // The format's plan reads footers from the cache that `open` has just filled.
        ParquetFormat::default().create_physical_plan(state, scan).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Row groups and pages are pruned by their statistics; the filter itself stays above the scan.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

async fn list(store: &dyn ObjectStore, prefix: &str) -> datafusion::object_store::Result<Vec<ObjectMeta>> {
    let prefix = datafusion::object_store::path::Path::parse(prefix)?;
    let all: Vec<ObjectMeta> = store.list(Some(&prefix)).try_collect().await?;
    Ok(all
        .into_iter()
        .filter(|object| object.location.as_ref().ends_with(".parquet"))
        .collect())
}
