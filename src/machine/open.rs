//! Opens a model by its name, and tells what is fetched for it.

use crate::error::Result;
use crate::events::Events;
use crate::model::Model;
use crate::model::hub::Access;

/// Looks at a model; its weights are not read yet, but those of a hub name are fetched.
pub(crate) fn open_model(name: &str, talk: &dyn Events) -> Result<Model> {
    let access = || Access::from_environment(talk.offline());
    let mut downloads = talk.downloads();
    Model::open_with(name, &access, &mut *downloads)
}
