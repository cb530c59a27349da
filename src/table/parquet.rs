//! A Parquet file as JSON Lines, one row a line, so that what reads JSON reads Parquet too. Knows nothing about what
//! the columns mean.

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The rows as lines of JSON.
///
/// # Errors
/// A damaged file, or pages packed in a way that is not read here.
pub(super) fn json_lines(place: &str, bytes: Vec<u8>) -> Result<String> {
    // The reader of damaged files may panic inside of the library: that must not end the program.
    let read = std::panic::catch_unwind(|| lines(Bytes::from(bytes)));
    let wrong = |what: String| {
        Error::input(format!("`{place}`: the Parquet file cannot be read: {what}")).hint(
            "pages without compression, in snappy and in gzip are read: write the file anew with one of \
             these, or as CSV",
        )
    };
    match read {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(wrong(error.to_string())),
        Err(_) => Err(wrong("it is damaged".to_owned())),
    }
}

fn lines(bytes: Bytes) -> Result<String, parquet::errors::ParquetError> {
    let reader = SerializedFileReader::new(bytes)?;
    let mut text = String::new();
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let values: Map<String, Value> =
            row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect();
        text += &Value::from(values).to_string();
        text.push('\n');
    }
    Ok(text)
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        // Not a number is an empty cell, and JSON has no word for it.
        Field::Float(value) => f64::from(*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned().into(),
        Field::Group(row) => Value::Object(
            row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect(),
        ),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        other => other.to_string().into(),
    }
}
