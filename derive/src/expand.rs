use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Ident, Member, Result, Type, parse_quote};

use crate::attributes::{Attributes, Place};

/// The implementation of `Tokenize`, or everything that is wrong with the type.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = input.ident.unraw().to_string();
    let mut used = Vec::new();
    let own = Attributes::parse(&input.attrs, Place::Type);
    let body = match &input.data {
        Data::Struct(data) => {
            fields(&name, &data.fields, &mut used).map(|(pattern, puts)| quote! { let Self #pattern = self; #puts })
        }
        Data::Enum(data) if data.variants.is_empty() => Ok(quote! { match *self {} }),
        Data::Enum(data) => {
            let arms = data.variants.iter().map(|variant| {
                let ident = &variant.ident;
                let text = ident.unraw().to_string();
                let path = format!("{name}::{text}");
                let attributes = Attributes::parse(&variant.attrs, Place::Variant);
                let (attributes, (pattern, puts)) = both(attributes, fields(&path, &variant.fields, &mut used))?;
                let mark = mark(attributes.identity, &format!("variant `{path}`"));
                Ok(quote! { Self::#ident #pattern => { __tokenizer.put_record(#text); #mark #puts } })
            });
            all(arms).map(|arms| quote! { match self { #(#arms)* } })
        }
        Data::Union(data) => Err(Error::new_spanned(
            data.union_token,
            "a union does not say which field it has: implement `Tokenize` by hand, or use an enum",
        )),
    };
    let (own, body) = both(own, body)?;
    let mark = mark(own.identity, &format!("type `{name}`"));

    let mut generics = input.generics.clone();
    let parameters: Vec<Ident> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in parameters.into_iter().filter(|parameter| used.iter().any(|kind| mentions(kind, parameter))) {
        generics.make_where_clause().predicates.push(parse_quote! { #parameter: ::leafhold::token::Tokenize });
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::leafhold::token::Tokenize for #ident #type_generics #where_clause {
            fn tokenize(&self, __tokenizer: &mut ::leafhold::token::Tokenizer) {
                __tokenizer.put_record(#name);
                #mark
                #body
            }
        }
    })
}

/// A pattern that binds the fields, and statements that put them; their types go to `used`.
fn fields(owner: &str, fields: &Fields, used: &mut Vec<Type>) -> Result<(TokenStream, TokenStream)> {
    let attributes = all(fields.iter().map(|field| Attributes::parse(&field.attrs, Place::Field)))?;
    let kept: Vec<_> =
        fields.members().zip(fields).zip(attributes).filter(|(_, attributes)| !attributes.skip).enumerate().collect();
    let mut bindings = Vec::new();
    let mut puts = Vec::new();
    for (position, ((member, field), attributes)) in &kept {
        let binding = format_ident!("__field_{position}");
        bindings.push(quote! { #member: #binding });
        used.push(field.ty.clone());
        // At the field's type, so that the compiler points there when it has no token.
        let place = Span::call_site().located_at(field.ty.span());
        let put = match member {
            Member::Named(name) => {
                let name = name.unraw().to_string();
                quote_spanned! { place => __tokenizer.put_field(#name, #binding); }
            }
            Member::Unnamed(_) => quote_spanned! { place => __tokenizer.put_item(#position, #binding); },
        };
        let text = match member {
            Member::Named(name) => name.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        };
        let mark = mark(attributes.identity, &format!("field `{text}` of `{owner}`"));
        puts.push(quote! { #put #mark });
    }
    let count = kept.len();
    Ok((quote! { { #(#bindings,)* .. } }, quote! { __tokenizer.put_tuple(#count); #(#puts)* }))
}

fn mark(identity: bool, what: &str) -> Option<TokenStream> {
    let why = format!("{what} has identity, not content");
    identity.then(|| quote! { __tokenizer.set_identity(#why); })
}

/// Whether a type names a parameter, anywhere.
fn mentions(kind: &Type, parameter: &Ident) -> bool {
    fn any(tokens: TokenStream, parameter: &Ident) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == *parameter,
            TokenTree::Group(group) => any(group.stream(), parameter),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    any(kind.to_token_stream(), parameter)
}

/// All results, or all errors as one.
fn all<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let mut errors: Option<Error> = None;
    for result in results {
        match (result, &mut errors) {
            (Ok(value), _) => values.push(value),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), None) => errors = Some(error),
        }
    }
    errors.map_or(Ok(values), Err)
}

fn both<A, B>(first: Result<A>, second: Result<B>) -> Result<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            Err(error)
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(input: DeriveInput) -> Vec<String> {
        match expand(&input) {
            Ok(tokens) => panic!("no error, but {tokens}"),
            Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
        }
    }

    #[test]
    fn unions_have_no_token() {
        let found = errors(parse_quote! { union Bits { float: f32, bits: u32 } });
        assert_eq!(found, ["a union does not say which field it has: implement `Tokenize` by hand, or use an enum"]);
    }

    #[test]
    fn unknown_attributes_are_errors_and_all_are_told() {
        let found = errors(parse_quote! {
            struct Job {
                #[tokenize(skp)] cache: u64,
                #[tokenize(skip, identity)] session: u64,
                name: String,
            }
        });
        assert_eq!(
            found,
            [
                "no attribute `skp`; there are `skip` and `identity`",
                "a field that is left out cannot mark its value: keep one of `skip` and `identity`",
            ]
        );
    }

    #[test]
    fn only_fields_can_be_left_out() {
        let found = errors(parse_quote! {
            #[tokenize(skip)]
            enum Shape { #[tokenize(skip)] Circle, Square }
        });
        assert_eq!(
            found,
            [
                "`skip` is for fields: a type without content needs no derive",
                "`skip` is for fields: which variant it is, is a part of every value",
            ]
        );
    }

    #[test]
    fn bounds_are_asked_of_parameters_that_fields_use() {
        let input = parse_quote! { struct Holder<A, B, C>(Vec<(A, u8)>, #[tokenize(skip)] B, std::rc::Rc<[C]>); };
        let text = expand(&input).unwrap().to_string();
        assert!(
            text.contains("where A : :: leafhold :: token :: Tokenize , C : :: leafhold :: token :: Tokenize {"),
            "{text}"
        );
    }
}
