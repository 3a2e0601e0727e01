//! `#[derive(Tokenize)]` for the types of engines and users.
