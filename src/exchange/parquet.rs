//! The table of trials as Parquet: the same columns as the CSV with their types, texts as they are, and the manifests
//! in the file's own metadata.

use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel, LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::columns::{Column, Values, columns};
use super::exported::{Exported, unwritable};
use crate::error::Result;

/// The trials of all runs as the bytes of one Parquet file. The key `candor.manifests` of its metadata holds a JSON
/// list of the runs' manifests.
///
/// # Errors
/// A manifest that cannot be written as JSON.
pub fn parquet(runs: &[Exported]) -> Result<Vec<u8>> {
    let manifests = runs.iter().map(|run| run.record.json()).collect::<Result<Vec<_>>>()?;
    let manifests = serde_json::to_string(&manifests).map_err(|error| unwritable(&error))?;
    write(&columns(runs), manifests).map_err(|error| unwritable(&error))
}

fn write(columns: &[Column<'_>], manifests: String) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("trials").with_fields(fields).build()?;
    let metadata = KeyValue::new("candor.manifests".to_owned(), manifests);
    let properties = WriterProperties::builder()
        .set_compression(Compression::GZIP(GzipLevel::default()))
        .set_key_value_metadata(Some(vec![metadata]))
        .build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        match &column.values {
            Values::Text(values) => {
                put::<ByteArrayType, _>(&mut group, values, |text| ByteArray::from(text.as_ref()))
            }
            Values::Flag(values) => put::<BoolType, _>(&mut group, values, |&flag| flag),
            // The type says that it is unsigned; the bits are the same.
            Values::Count(values) => {
                put::<Int64Type, _>(&mut group, values, |&count| count.cast_signed())
            }
            Values::Number(values) => put::<DoubleType, _>(&mut group, values, |&number| number),
        }?;
    }
    group.close()?;
    file.close()?;
    Ok(bytes)
}

fn field(column: &Column<'_>) -> Result<TypePtr, ParquetError> {
    let unsigned = LogicalType::integer(64, false);
    let (physical, logical) = match column.values {
        Values::Text(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        Values::Flag(_) => (PhysicalType::BOOLEAN, None),
        Values::Count(_) => (PhysicalType::INT64, Some(unsigned)),
        Values::Number(_) => (PhysicalType::DOUBLE, None),
    };
    let field = Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    Ok(Arc::new(field.build()?))
}

/// Writes the next column; a row without a value has definition level 0.
fn put<T: DataType, V>(
    group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>,
    values: &[Option<V>],
    stored: impl Fn(&V) -> T::T,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("more columns than the schema has".into()));
    };
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<T::T> = values.iter().flatten().map(stored).collect();
    column.typed::<T>().write_batch(&present, Some(&levels), None)?;
    column.close()
}
