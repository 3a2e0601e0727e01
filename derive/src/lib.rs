//! `#[derive(Tokenize)]` for the types of engines and users, re-exported as `leafhold::token::Tokenize`.
//!
//! `expand` writes the implementation, `attributes` reads `#[tokenize(..)]`.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Tokenize` for a struct or an enum: the token is made of the type's name, the variant's name,
/// and the names and values of all fields, in their written order.
///
/// * `#[tokenize(skip)]` on a field leaves it out: it is no part of what the value is, as a cache.
/// * `#[tokenize(identity)]` on a field, a variant or the type says that the value is an instance and not
///   content, as a connection: `ensure_deterministic_value` names it.
///
/// A type parameter that a field uses must implement `Tokenize`. Renaming a type, a variant or a field, and
/// changing the order of fields, changes tokens.
#[proc_macro_derive(Tokenize, attributes(tokenize))]
pub fn derive_tokenize(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
