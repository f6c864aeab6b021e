//! A few members of a JSON object, the others passed over.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The values of the members that have a place among `N`, as they are written; `None` as a whole when the text is not a JSON object.
///
/// Of a name that stands twice, the last counts.
pub(crate) fn members<const N: usize>(
    json: &[u8],
    place: impl Fn(&str) -> Option<usize>,
) -> Option<[Option<&RawValue>; N]> {
    // Checked as a whole, because a JSON reader lets bad text pass in what it skips.
    let mut reader = serde_json::Deserializer::from_str(std::str::from_utf8(json).ok()?);
    let found = Members(place).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(found)
}

struct Members<P, const N: usize>(P);

impl<'de, P: Fn(&str) -> Option<usize>, const N: usize> DeserializeSeed<'de> for Members<P, N> {
    type Value = [Option<&'de RawValue>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, P: Fn(&str) -> Option<usize>, const N: usize> Visitor<'de> for Members<P, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(place) = map.next_key_seed(Place(&self.0))? {
            match place.and_then(|place| found.get_mut(place)) {
                Some(value) => *value = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// The place of the name that comes next.
struct Place<'p, P>(&'p P);

impl<'de, P: Fn(&str) -> Option<usize>> DeserializeSeed<'de> for Place<'_, P> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<P: Fn(&str) -> Option<usize>> Visitor<'_> for Place<'_, P> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.0)(name))
    }
}
