mod spec; pub use spec::{Rope, RopeScaling, Spec};
