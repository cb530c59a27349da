use proptest::prelude::*;

use super::definition::{LAYOUTS, differs_at};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_instruction_set_gives_the_bits_of_the_definition(
        which in 0..LAYOUTS.len(), rows in 1usize..20, supers in 1usize..3, seed in 0usize..1000,
    ) {
        let layout = LAYOUTS[which];
        // Rows of plain blocks need not be whole super-blocks.
        let blocks = if layout.scaling.shared() == 1 { supers * 3 } else { supers * SUPER };
        for level in Level::available() {
            let differs = differs_at(level, layout, [rows, blocks * BLOCK], seed);
            prop_assert_eq!(differs, None, "{:?} {:?}: row and column", level, layout);
        }
    }
}
