//! Sets through the door.

use super::ValueType;
use crate::base::error::Error;
use crate::ds::intset::IntsetRef;
use crate::ds::listpack::Packed;
use crate::keyspace::entry::View;
use crate::value::set::{Set, SetRef};
use crate::value::{PackedKind, Value};

impl ValueType for Set {
    type Ref<'a> = SetRef<'a>;

    #[inline]
    fn view(view: View<'_>) -> Result<SetRef<'_>, Error> {
        match view {
            View::Packed(PackedKind::SetIntset, bytes) => Ok(SetRef::Ints(IntsetRef::new(bytes))),
            View::Packed(PackedKind::SetListpack, bytes) => Ok(SetRef::Packed(Packed::new(bytes))),
            View::Boxed(Value::Set(set)) => Ok(set.as_ref()),
            _ => Err(Error::WrongType),
        }
    }
}
