//! `probe/directions/LABEL.PLACE.DEPTH.safetensors`: a difference of means as a file that a run can be steered with.
//!
//! Wire format: one tensor `direction` (f32 [D]), the mean state of the trials that have the label minus the mean of
//! those that have not; the header's metadata has one key, `candor`, with a JSON object: `name`, `depth` and
//! `transcripts_digest`.

use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use super::activations::{METADATA, write_tensors};
use crate::decoder::{Act, Steering};
use crate::error::{Error, Result};

const TENSOR: &str = "direction";
const FOLDER: &str = "directions";

/// A direction in the residual stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    /// What it is.
    pub about: About,
    /// `[D]`
    pub values: Vec<f32>,
}

/// What a direction's file says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// `LABEL.PLACE.DEPTH`.
    pub name: String,
    /// Layers before the place where it was read, and where it acts.
    pub depth: usize,
    /// BLAKE3 of the `transcripts.jsonl` that it was read from.
    pub transcripts_digest: String,
}

impl Direction {
    /// Writes the file into `probe/` of the run folder.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write(&self, run: &Path) -> Result<()> {
        let name = format!("{}.safetensors", self.about.name);
        let bytes = self.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let tensor = (TENSOR.to_owned(), Dtype::F32, vec![self.values.len()], bytes);
        let path = run.join(super::FOLDER).join(FOLDER).join(name);
        write_tensors(&path, &[tensor], &self.about)
    }
}

/// Reads `FILE=ALPHA` or `FILE=remove`, and the file.
///
/// # Errors
/// Another form, or a file that is no direction.
pub fn steering(text: &str) -> Result<Steering> {
    let hint = "give `--steer FILE=ALPHA`, a number of times that the direction is added, or `--steer FILE=remove`";
    let (path, act) = text
        .rsplit_once('=')
        .ok_or_else(|| Error::input(format!("`--steer {text}` names no `=`")).hint(hint))?;
    let act = match act {
        "remove" => Act::Remove,
        alpha => Act::Add(alpha.parse().ok().filter(|a: &f64| a.is_finite()).ok_or_else(|| {
            Error::input(format!("`--steer {text}`: `{alpha}` is no number")).hint(hint)
        })?),
    };
    let path = Path::new(path);
    let bytes = crate::files::read_bytes(path, crate::files::TEXT_MAX)
        .map_err(|error| Error::read(path, &error))?;
    let refused = |why: &dyn std::fmt::Display| {
        Error::input(format!("`{}` is no direction: {why}", path.display())).hint(
            "directions are what `candor probe RUN --activations …` writes to `probe/directions/`",
        )
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| refused(&error))?;
    let said = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA));
    let said = said.ok_or_else(|| refused(&"its metadata do not say of what"))?;
    let about: About = serde_json::from_str(said).map_err(|error| refused(&error))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| refused(&error))?;
    let tensor = file.tensor(TENSOR).map_err(|error| refused(&error))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape().len() != 1 {
        return Err(refused(&"the tensor `direction` is no list of f32"));
    }
    let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap_or_default());
    Ok(Steering {
        name: about.name,
        file: blake3::hash(&bytes).to_hex().to_string(),
        depth: about.depth,
        act,
        direction: tensor.data().chunks_exact(4).map(value).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_steers() {
        let folder = tempfile::tempdir().unwrap();
        let about =
            About { name: "tier.prompt-end.2".into(), depth: 2, transcripts_digest: "d".into() };
        let direction = Direction { about, values: vec![0.5, -1.0, 3.25] };
        direction.write(folder.path()).unwrap();
        let path = folder.path().join("probe/directions/tier.prompt-end.2.safetensors");
        let read = |how: &str| steering(&format!("{}={how}", path.display()));
        let found = read("-1.5").unwrap();
        assert_eq!((found.act, found.depth), (Act::Add(-1.5), 2));
        assert_eq!(found.direction, direction.values);
        assert_eq!(read("remove").unwrap().act, Act::Remove);
        assert!(read("much").is_err() && read("nan").is_err());
        std::fs::write(&path, b"12345678{}").unwrap();
        assert!(read("1").unwrap_err().to_string().contains("no direction"));
    }
}
