//! Hashes through the door.

use super::ValueType;
use crate::base::error::Error;
use crate::ds::listpack::Packed;
use crate::keyspace::entry::View;
use crate::value::hash::{Hash, HashRef};
use crate::value::{PackedKind, Value};

impl ValueType for Hash {
    type Ref<'a> = HashRef<'a>;

    #[inline]
    fn view(view: View<'_>) -> Result<HashRef<'_>, Error> {
        match view {
            View::Packed(PackedKind::HashListpack, bytes) => {
                Ok(HashRef::Packed(Packed::new(bytes)))
            }
            View::Boxed(Value::Hash(hash)) => Ok(hash.as_ref()),
            _ => Err(Error::WrongType),
        }
    }
}
