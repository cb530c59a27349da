//! A model in memory: which device computes, whether there is room, the weights read. Knows no runs, no scenarios and
//! no terminal; what happens meanwhile is told to [`crate::events::Events`].

mod compute;
mod decoder;
mod device_check;
mod fit;
mod loaded;
pub(crate) mod memory;
mod open;

pub(crate) use compute::Compute;
pub(crate) use decoder::{Decoder, with_decoder};
pub(crate) use device_check::{DeviceCheck, check_device};
pub(crate) use fit::fit_prompts;
pub(crate) use loaded::Loaded;
pub(crate) use open::open_model;
