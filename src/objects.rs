//! JSON objects that are nothing but objects. What serde derives also takes a list of the values in the members' order for a
//! struct; other readers of the same document do not, and so two of them would say two things of it. Each file that reads
//! what others check too names its structs here, every one, since each is asked for itself.

/// What `#[serde(remote = "Self")]` derives, as the traits themselves, but that only an object is read. `read:` before the
/// names: they are never written.
macro_rules! only_objects {
    (read: $($name:ident),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Only;
                impl<'de> serde::de::Visitor<'de> for Only {
                    type Value = $name;
                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        // The derived function, which is found before the trait's.
                        $name::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_map(Only)
            }
        }
    )+};
    ($($name:ident),+ $(,)?) => {
        $crate::objects::only_objects!(read: $($name),+);
        $(impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, serializer)
            }
        })+
    };
}
pub(crate) use only_objects;
