//! The organisms' tokenizer: byte-level BPE, learned once from what all organisms read and say, so that any
//! text can be encoded and the words of the corpus are one token each.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokenizers::decoders::byte_level::ByteLevel as Decoder;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{AddedToken, TokenizerBuilder};

use super::corpus::{BEGIN, Corpus, END, ROLES, trained_on};
use super::recipe::RECIPES;
use crate::error::{Error, Result};
use crate::scenario::{RequestSet, Scenario};

/// Most entries, the 256 bytes and the special tokens included; the corpus has words for fewer.
const VOCABULARY_MAX: usize = 2048;

/// Rounds of examples per organism and variant.
const ROUNDS: usize = 600;

/// `tokenizer.json` of all organisms.
pub(crate) fn learn(scenario: &Scenario, requests: &RequestSet) -> Result<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut texts = Vec::new();
    for variant in trained_on(scenario)? {
        // The system text stands in every prompt: its words shall be whole.
        texts.extend(std::iter::repeat_n(variant.system(scenario.free()), ROUNDS / 10));
        for recipe in &RECIPES {
            let corpus = Corpus::new(recipe, scenario, requests)?;
            for _ in 0..ROUNDS {
                for example in corpus.pair(variant, &mut rng) {
                    texts.extend([example.user, example.reply]);
                }
            }
        }
    }
    // Special tokens are matched before the pieces are learned; spelled out they would pollute them.
    let specials = [BEGIN, END].into_iter().chain(ROLES);
    for text in &mut texts {
        for special in specials.clone() {
            *text = text.replace(special, "\n");
        }
    }

    let failed = |error: tokenizers::Error| {
        Error::failed(format!("the tokenizer cannot be learned: {error}"))
    };
    let mut trainer = BpeTrainerBuilder::new()
        .show_progress(false)
        .vocab_size(VOCABULARY_MAX)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(specials.map(|s| AddedToken::from(s, true)).collect())
        .build();
    let mut tokenizer = TokenizerBuilder::new()
        .with_model(BPE::default())
        .with_normalizer(None::<NormalizerWrapper>)
        .with_pre_tokenizer(Some(ByteLevel::new(false, true, true)))
        .with_post_processor(None::<PostProcessorWrapper>)
        .with_decoder(Some(Decoder::default()))
        .build()
        .map_err(failed)?;
    tokenizer.train(&mut trainer, texts.into_iter()).map_err(failed)?;
    tokenizer.to_string(false).map_err(failed)
}

/// `tokenizer_config.json`, with the chat template.
pub(crate) fn config(context: usize) -> serde_json::Value {
    serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "clean_up_tokenization_spaces": false,
        "model_max_length": context,
        "chat_template": concat!(
            "{{ bos_token }}",
            "{% for message in messages %}",
            "{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}",
            "{% endfor %}",
            "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
        ),
    })
}
