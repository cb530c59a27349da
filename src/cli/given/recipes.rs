//! The organisms that a user names.

use crate::error::{Error, Result};
use crate::organism::Recipe;

/// The recipes of these names, or some others where none is named.
///
/// # Errors
/// There is no organism of a name.
pub(in crate::cli) fn recipes(
    names: &[String],
    unless_given: impl Iterator<Item = &'static Recipe>,
) -> Result<Vec<Recipe>> {
    if names.is_empty() {
        return Ok(unless_given.copied().collect());
    }
    let recipe = |name: &String| {
        Recipe::named(name).copied().ok_or_else(|| {
            let known: Vec<&str> = Recipe::all().map(|recipe| recipe.name).collect();
            Error::input(format!("there is no organism `{name}`"))
                .hint(format!("organisms: {}", known.join(", ")))
        })
    };
    names.iter().map(recipe).collect()
}
