use serde::{Deserialize, Serialize};

/// What went right, but perhaps not as somebody thinks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "warning")]
pub enum RunWarning {
    /// The name that was given to outputs is that of another computation, which is still alive. This one
    /// has its own key, and its own result.
    #[error(
        "the name {name:?} belongs to another computation that is alive: at {path} that one has {existing}, this one \
         {requested}; this one's outputs are called {own:?}"
    )]
    KeyCollision {
        /// The name.
        name: String,
        /// What the outputs of this run are called instead.
        own: String,
        /// Where the two computations differ first, from the root.
        path: String,
        /// What the other one has there.
        existing: String,
        /// What this one has there.
        requested: String,
    },
}
