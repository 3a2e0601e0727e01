use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A float that survives a text format: JSON knows neither infinities nor which bits a decimal means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            // The shortest text that reads back as the same number.
            true => serializer.collect_str(&format_args!("{:?}", self.0)),
            false => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map(Number).map_err(|_| serde::de::Error::custom(format!("{text:?} is no number")))
            }
            false => f64::deserialize(deserializer).map(Number),
        }
    }
}

/// The same for a field that may be absent.
pub(crate) mod option {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(Number).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Number>::deserialize(deserializer)?.map(|number| number.0))
    }
}
