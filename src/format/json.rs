//! Strict JSON of other people: UTF-8, no comments, and no key twice, because two readers could take different ones.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{Error, Kind, Result};

/// Reads one JSON value; `place` is for messages.
///
/// # Errors
/// [`Kind::Invalid`] with line and column.
pub fn parse(bytes: &[u8], place: impl fmt::Display) -> Result<Value> {
    serde_json::from_slice::<Strict>(bytes)
        .map(|strict| strict.0)
        .map_err(|cause| Error::new(Kind::Invalid, format!("`{place}` is not valid JSON")).at(&place).because(cause))
}

/// [`parse`] for a file that must hold an object.
///
/// # Errors
/// [`Kind::Invalid`].
pub fn parse_object(bytes: &[u8], place: impl fmt::Display) -> Result<Map<String, Value>> {
    match parse(bytes, &place)? {
        Value::Object(map) => Ok(map),
        _ => Err(Error::new(Kind::Invalid, format!("`{place}` is not a JSON object")).at(&place)),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> std::result::Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("the key `{}` stands in one object twice", key.escape_debug())));
            }
            let Strict(value) = from.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_means_strict() {
        assert!(parse(br#"{"a":[1,-2,0.5,null,true,"x"]}"#, "f").is_ok());
        for bad in [&b"{\"a\":1,\"a\":2}"[..], b"{\"a\":1,}", b"{} // x", b"\xef\xbb\xbf{}", b"", b"{\"a\":\"\xff\"}"] {
            assert_eq!(parse(bad, "f").expect_err("invalid").kind(), Kind::Invalid);
        }
        assert!(parse("[".repeat(100_000).as_bytes(), "f").is_err(), "bounded depth");
        let nested = parse(br#"{"x":{"a":1,"\u0061":2}}"#, "plugin.json").expect_err("twice");
        assert!(nested.causes()[0].contains("twice"), "{nested:?}");
    }
}
