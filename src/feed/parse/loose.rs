//! JSON that is read by what is there rather than by what should be: a value of the wrong type is
//! nothing, so that one odd member costs no reader a post.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::clean;

/// Elements taken of any list.
const MAX_LIST: usize = 64;

/// Text, or a number as text; anything else is nothing.
#[derive(Debug, Default)]
pub(super) struct Loose(pub(super) Option<String>);

impl Loose {
    pub(super) fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// An object; anything else is nothing.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) Option<T>);

/// A list's first elements; anything else is none.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What has members.
pub(super) trait Members: Default {
    /// Takes a member's value, or [`IgnoredAny`].
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// What becomes of a value of each type; the default is nothing.
trait Take<'de>: Default {
    fn text(_: &str) -> Self {
        Self::default()
    }
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

struct Taking<T>(PhantomData<T>);

impl<'de, T: Take<'de>> Visitor<'de> for Taking<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }
    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }
    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::object(map)
    }
}

macro_rules! deserialize_by_taking {
    ($(impl $([$($bound:tt)*])? for $kind:ty;)*) => {$(
        impl<'de $(, $($bound)*)?> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
                json.deserialize_any(Taking(PhantomData))
            }
        }
    )*};
}
deserialize_by_taking! {
    impl for Loose;
    impl for Person;
    impl[T: Members] for Object<T>;
    impl[T: Deserialize<'de>] for List<T>;
}

impl Take<'_> for Loose {
    fn text(text: &str) -> Self {
        Self(Some(clean::decode_none(text).into_owned()))
    }
}

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Members> Take<'de> for Object<T> {
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut value = T::default();
        while let Some(key) = map.next_key::<String>()? {
            value.member(&key, &mut map)?;
        }
        Ok(Self(Some(value)))
    }
}

impl<'de, T: Deserialize<'de>> Take<'de> for List<T> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_LIST {
            match list.next_element()? {
                Some(element) => kept.push(element),
                None => return Ok(Self(kept)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self(kept))
    }
}

/// An author: an object with a name or, out of spec, the name itself.
#[derive(Debug, Default)]
pub(super) struct Person(pub(super) Option<String>);

impl<'de> Take<'de> for Person {
    fn text(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut name = Loose::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => name = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Self(name.0))
    }
}
