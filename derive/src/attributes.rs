use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Result};

/// Where an attribute stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Type,
    Variant,
    Field,
}

/// What `#[tokenize(..)]` says.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) skip: bool,
    pub(crate) identity: bool,
}

impl Attributes {
    pub(crate) fn parse(attributes: &[Attribute], place: Place) -> Result<Self> {
        let mut found = Attributes::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("tokenize")) {
            attribute.parse_nested_meta(|meta| found.add(&meta, place))?;
            if found.skip && found.identity {
                let message = "a field that is left out cannot mark its value: keep one of `skip` and `identity`";
                return Err(Error::new_spanned(attribute, message));
            }
        }
        Ok(found)
    }

    fn add(&mut self, meta: &ParseNestedMeta, place: Place) -> Result<()> {
        if meta.path.is_ident("identity") {
            self.identity = true;
            Ok(())
        } else if meta.path.is_ident("skip") {
            self.skip = true;
            match place {
                Place::Field => Ok(()),
                Place::Variant => {
                    Err(meta.error("`skip` is for fields: which variant it is, is a part of every value"))
                }
                Place::Type => Err(meta.error("`skip` is for fields: a type without content needs no derive")),
            }
        } else {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            Err(meta.error(format!("no attribute `{name}`; there are `skip` and `identity`")))
        }
    }
}
