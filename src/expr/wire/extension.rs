use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Extension, ExtensionTraits, MapPartitions};
use super::{Codec, OpaqueWire, Reading, SchemaWire, WireError};

/// An operator of an engine's own, by its codec's bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtensionWire {
    name: String,
    traits: ExtensionTraits,
    /// Of a function on partitions: the columns as it sees them.
    input: Option<SchemaWire>,
    extension: OpaqueWire,
}

impl ExtensionWire {
    pub(crate) fn of(extension: &Arc<dyn Extension>, place: &str, codec: &dyn Codec) -> Result<Self, WireError> {
        let bytes = codec.encode_extension(&**extension);
        let bytes = bytes.map_err(|source| WireError::Codec { place: place.to_owned(), source })?;
        Ok(ExtensionWire {
            name: extension.name().to_owned(),
            traits: extension.traits(),
            input: MapPartitions::of(&**extension).and_then(MapPartitions::input).map(SchemaWire::of),
            extension: OpaqueWire { token: extension.token(), bytes },
        })
    }

    /// The extension, which must be what it was: name, token and declared traits.
    pub(crate) fn read(self, place: &str, reading: &Reading<'_>) -> Result<Arc<dyn Extension>, WireError> {
        let ExtensionWire { name, traits, input, extension: OpaqueWire { token, bytes } } = self;
        let decoded = reading.codec().decode_extension(&name, &bytes);
        let mut decoded = decoded.map_err(|source| WireError::Codec { place: place.to_owned(), source })?;
        if let Some(input) = input
            && let Some(function) = MapPartitions::of(&*decoded)
        {
            decoded = Arc::new(function.clone().over(input.read(place)?));
        }
        match decoded.name() == name && decoded.token() == token && decoded.traits() == traits {
            true => Ok(decoded),
            false => Err(WireError::Altered { what: format!("{place}: extension `{name}`") }),
        }
    }
}
