// Lua is C: this folder is its only door.
#![allow(unsafe_code)]
//! Two tables that scripts get one after the other, and a look at what one has made of them that
//! needs no call into the interpreter.
//!
//! Invariants: nobody else stores at `PLACES` of the registry, so that a table lives while its
//! `List` is in use, and what is shared forgets the lists when the interpreter goes. The layout of
//! a table is that of Lua 5.1.5, the last there will be; a test holds it against what the
//! interpreter itself says.

use super::{Lua, REGISTRY};
use mlua_sys as ffi;
use std::ffi::{c_int, c_void};

/// Where in the registry the two tables are held.
pub const PLACES: [i32; 2] = [4, 5];

/// The head of a table.
#[repr(C)]
struct Table {
    next: *const c_void,
    kind: u8,
    marked: u8,
    flags: u8,
    fields_log2: u8,
    metatable: *const c_void,
    items: *const c_void,
    fields: *const c_void,
    last_free: *const c_void,
    gray: *const c_void,
    item_count: c_int,
}

/// A table that was made as a list of so many items, and is held in the registry.
#[derive(Clone, Copy)]
pub struct List {
    table: *const Table,
    /// Where tables without fields have them.
    no_fields: *const c_void,
    items: c_int,
    place: i32,
}

impl List {
    /// Holds the table at `at`, which has just been made with room for so many items, in place
    /// number `which` of the two; what was held there is let go.
    pub fn hold(lua: &mut Lua, at: i32, which: usize, items: usize) -> List {
        let place = PLACES[which];
        lua.push_value(at);
        lua.set_item(REGISTRY, place);
        // SAFETY: it is a table, and this is where its head is.
        unsafe {
            let table: *const Table = ffi::lua_topointer(lua.l, at).cast();
            List { table, no_fields: (*table).fields, items: items as c_int, place }
        }
    }

    /// Whether it still has room for its items and nothing else, and no metatable: then all it
    /// holds is overwritten when so many items are stored again.
    #[inline]
    pub fn is_plain(&self) -> bool {
        // SAFETY: the registry holds the table, and Lua moves nothing.
        let table = unsafe { &*self.table };
        table.metatable.is_null()
            && table.fields == self.no_fields
            && table.item_count == self.items
    }

    /// Pushes the table.
    #[inline]
    pub fn push(&self, lua: &mut Lua) {
        lua.get_item(REGISTRY, self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::shared::Shared;
    use super::super::state::State;
    use super::*;
    use std::ptr::NonNull;

    #[test]
    fn every_way_to_be_more_than_a_list_shows() {
        let shared = NonNull::from(Box::leak(Box::new(Shared::new(0))));
        let mut state = State::new(shared);
        let mut lua = state.lua();
        for place in 1..=PLACES[1] {
            lua.push_bool(false);
            assert!(lua.keep().is_at(place));
        }
        for items in [0, 1, 2, 3, 8] {
            let fresh = |lua: &mut Lua| {
                lua.set_top(0);
                lua.new_table(items, 0);
                let list = List::hold(lua, -1, items % 2, items);
                for i in 1..=items {
                    lua.push_number(i as f64);
                    lua.set_item(1, i as i32);
                }
                assert!(list.is_plain());
                list.push(lua);
                assert!(lua.same(1, 2) && lua.len(1) == items);
                lua.pop(1);
                list
            };
            let list = fresh(&mut lua);
            for i in 1..=items {
                lua.push_nil();
                lua.set_item(1, i as i32);
                assert!(list.is_plain());
            }
            lua.new_table(0, 0);
            lua.set_metatable(1);
            assert!(!list.is_plain());
            lua.push_nil();
            lua.set_metatable(1);
            assert!(list.is_plain());
            lua.push_bool(true);
            lua.set_field(1, "n");
            assert!(!list.is_plain());
            let list = fresh(&mut lua);
            lua.push_bool(true);
            lua.set_item(1, items as i32 + 1);
            assert!(!list.is_plain());
            let list = fresh(&mut lua);
            lua.push_bool(true);
            lua.set_item(1, -1);
            assert!(!list.is_plain());
        }
        drop(state);
        // SAFETY: it was leaked above, and what pointed to it is gone.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}
