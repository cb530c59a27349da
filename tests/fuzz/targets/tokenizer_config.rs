#![no_main]

const TOKENIZER: &[u8] = include_bytes!("../../fixtures/tokenizers/byte-level-gpt2/tokenizer.json");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(candor::model::inputs::tokenizer_config(bytes, TOKENIZER));
    drop(candor::model::inputs::generation_config(bytes, TOKENIZER));
});
