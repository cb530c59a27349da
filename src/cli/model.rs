//! Opens the model that a command names, and shows what is fetched for it.

use super::talk::Talk;
use crate::error::Result;
use crate::model::Model;
use crate::model::hub::Access;

/// Looks at a model; its weights are not read yet, but those of a hub name are fetched.
pub(super) fn open(name: &str, talk: &Talk) -> Result<Model> {
    let access = || Access::from_environment(talk.offline());
    let mut downloads = talk.downloads();
    let model = Model::open_with(name, &access, &mut downloads);
    downloads.clear();
    model
}
