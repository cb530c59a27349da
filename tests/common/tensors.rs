//! Safetensors files taken apart and put together again, to spoil them in between.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::path::Path;

/// Name to type, shape and bytes.
pub(crate) type Tensors = BTreeMap<String, (String, Vec<usize>, Vec<u8>)>;

pub(crate) fn read(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let data = &bytes[8 + length..];
    let tensors = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    tensors
        .map(|(name, info)| {
            let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
            let shape = info["shape"].as_array().unwrap().iter().map(number).collect();
            let range = number(&info["data_offsets"][0])..number(&info["data_offsets"][1]);
            let dtype = info["dtype"].as_str().unwrap().to_owned();
            (name.clone(), (dtype, shape, data[range].to_vec()))
        })
        .collect()
}

pub(crate) fn write(path: &Path, tensors: &Tensors) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, (dtype, shape, bytes)) in tensors {
        let range = [data.len(), data.len() + bytes.len()];
        data.extend(bytes);
        let info = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": range});
        header.insert(name.clone(), info);
    }
    let mut text = serde_json::Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let length = (text.len() as u64).to_le_bytes();
    std::fs::write(path, [&length[..], &text, &data].concat()).unwrap();
}

/// Bytes of an element.
pub(crate) fn width(dtype: &str) -> usize {
    if dtype == "F32" { 4 } else { 2 }
}

/// Numbers that are none, in a type's bytes: NaN, quiet and signaling, and both infinities.
pub(crate) fn no_numbers(dtype: &str) -> [Vec<u8>; 4] {
    let bits: [u32; 4] = match dtype {
        "F32" => [0x7fc0_0000, 0x7f80_0001, 0x7f80_0000, 0xff80_0000],
        "F16" => [0x7e00, 0x7c01, 0x7c00, 0xfc00],
        _ => [0x7fc0, 0x7f81, 0x7f80, 0xff80],
    };
    bits.map(|bits| bits.to_le_bytes()[..width(dtype)].to_vec())
}
