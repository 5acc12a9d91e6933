//! Streams through the door.

use super::ValueType;
use crate::base::error::Error;
use crate::keyspace::entry::View;
use crate::value::stream::Stream;

impl ValueType for Stream {
    type Ref<'a> = &'a Stream;

    #[inline]
    fn view(view: View<'_>) -> Result<&Stream, Error> {
        match view {
            View::Boxed(value) => value.as_stream(),
            _ => Err(Error::WrongType),
        }
    }
}
