//! Turns of a conversation that stand before the message that is measured. Knows nothing about chat templates.

use super::arms;
use super::file::TurnEntry;
use super::prompt::Template;
use super::request::{Request, Turn};
use super::source::Source;
use super::values::Role;
use crate::error::Result;

/// A turn of a scenario, with places for the tier and for what the request puts in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TurnTemplate {
    pub(super) role: Role,
    pub(super) content: Template,
}

impl TurnTemplate {
    pub(super) fn render(&self, label: &str, request: &Request) -> Turn {
        Turn { role: self.role, content: self.content.render(label, request) }
    }
}

/// The turns under a key of a scenario file.
///
/// # Errors
/// A text that is none; turns that do not begin with the user's, do not alternate, or do not end with the model's:
/// the user message follows them.
pub(super) fn turns(
    source: &Source,
    key: &str,
    entries: &[TurnEntry],
) -> Result<Vec<TurnTemplate>> {
    let mut turns = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let content = arms::template(source, &format!("{key}[{place}].content"), &entry.content)?;
        turns.push(TurnTemplate { role: entry.role, content });
    }
    let roles = turns.iter().map(|turn| turn.role);
    match out_of_turn(roles) {
        None => Ok(turns),
        Some(place) => {
            let at = entries.get(place).or(entries.last());
            let at = at.map_or(0, |entry| entry.content.span().start);
            let message = match place < entries.len() {
                true => format!(
                    "key `{key}[{place}].role`: `{}` is not who speaks here",
                    entries[place].role.name()
                ),
                false => format!(
                    "key `{key}` ends with a turn of the user's, and the user message follows"
                ),
            };
            Err(source.error_at(at, message).hint(
                "turns before the user message are the user's and the model's in turn, the user's first and the model's last",
            ))
        }
    }
}

/// The first place at which turns before a user message are out of order; their number where the last one is missing.
pub(super) fn out_of_turn(roles: impl Iterator<Item = Role>) -> Option<usize> {
    let mut count = 0;
    for (place, role) in roles.enumerate() {
        let expected = if place % 2 == 0 { Role::User } else { Role::Assistant };
        if role != expected {
            return Some(place);
        }
        count = place + 1;
    }
    (count % 2 == 1).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_alternate_from_the_user_to_the_model() {
        use Role::{Assistant, User};
        for (roles, wrong) in [
            (&[][..], None),
            (&[User, Assistant], None),
            (&[User, Assistant, User, Assistant], None),
            (&[User], Some(1)),
            (&[Assistant, User], Some(0)),
            (&[User, User, Assistant], Some(1)),
            (&[User, Assistant, User], Some(3)),
        ] {
            assert_eq!(out_of_turn(roles.iter().copied()), wrong, "{roles:?}");
        }
    }
}
