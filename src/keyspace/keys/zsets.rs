//! Sorted sets through the door.

use super::ValueType;
use crate::base::error::Error;
use crate::ds::listpack::Packed;
use crate::keyspace::entry::View;
use crate::value::zset::{ZSet, ZSetRef};
use crate::value::{PackedKind, Value};

impl ValueType for ZSet {
    type Ref<'a> = ZSetRef<'a>;

    #[inline]
    fn view(view: View<'_>) -> Result<ZSetRef<'_>, Error> {
        match view {
            View::Packed(PackedKind::ZSetListpack, bytes) => {
                Ok(ZSetRef::Packed(Packed::new(bytes)))
            }
            View::Boxed(Value::ZSet(set)) => Ok(set.as_ref()),
            _ => Err(Error::WrongType),
        }
    }
}
