//! Lists through the door.

use super::ValueType;
use crate::base::error::Error;
use crate::ds::listpack::Packed;
use crate::keyspace::entry::View;
use crate::value::list::{List, ListRef};
use crate::value::{PackedKind, Value};

impl ValueType for List {
    type Ref<'a> = ListRef<'a>;

    #[inline]
    fn view(view: View<'_>) -> Result<ListRef<'_>, Error> {
        match view {
            View::Packed(PackedKind::ListListpack, bytes) => {
                Ok(ListRef::Packed(Packed::new(bytes)))
            }
            View::Boxed(Value::List(list)) => Ok(list.as_ref()),
            _ => Err(Error::WrongType),
        }
    }
}
