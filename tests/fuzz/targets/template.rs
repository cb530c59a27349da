#![no_main]

libfuzzer_sys::fuzz_target!(|source: &str| drop(candor::model::inputs::template(source)));
