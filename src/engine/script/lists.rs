//! KEYS and ARGV: the words of a call as two tables.
//!
//! Those of EVAL serve one script after the other while the numbers of words stay the same. That
//! is safe because nothing of a script of EVAL outlives it: all it can reach is read-only. The one
//! exception is an environment of its own, which it may hang its function into: whoever calls
//! `setfenv` ends the reuse (`Shared::lists_escape`). A table that a script left with fields or a
//! metatable of its own is not used again either.

use super::super::args::Args;
use super::lua::{Lua, REGISTRY};
use super::sandbox::{self, LISTS};

/// Longer lists are made anew each time: clearing them would cost more than the collector does.
const MOST: usize = 8;

/// Pushes two new tables: so many words from `first` on, and the so many behind them.
pub fn push_fresh(lua: &mut Lua, args: &Args<'_>, first: usize, given: [usize; 2]) {
    lua.new_table(given[0], 0);
    fill(lua, args, first, given[0]);
    lua.new_table(given[1], 0);
    fill(lua, args, first + given[0], given[1]);
}

/// Stores so many words from `first` on in the table on top.
fn fill(lua: &mut Lua, args: &Args<'_>, first: usize, words: usize) {
    for i in 0..words {
        lua.push(args.get(first + i));
        lua.set_item(-2, i as i32 + 1);
    }
}

/// Gives a script of EVAL its words: the same as `push_fresh`, as the globals KEYS and ARGV.
pub fn give(lua: &mut Lua, args: &Args<'_>, first: usize, given: [usize; 2]) {
    if lua.shared().lists.take() != Some(given) {
        push_fresh(lua, args, first, given);
        lua.push_value(-2);
        lua.set_item(REGISTRY, LISTS[0]);
        lua.push_value(-1);
        lua.set_item(REGISTRY, LISTS[1]);
        sandbox::set_arguments(lua);
        return;
    }
    let mut at = first;
    for (place, words) in LISTS.into_iter().zip(given) {
        if words > 0 {
            lua.get_item(REGISTRY, place);
            fill(lua, args, at, words);
            lua.pop(1);
            at += words;
        }
    }
}

/// After a script of EVAL that was given so many words: empties its tables and, if it left them as
/// they were, keeps them for the next one.
pub fn keep(lua: &mut Lua, given: [usize; 2]) {
    let few = given.iter().all(|words| *words <= MOST);
    if few && !lua.shared().lists_escape && LISTS.into_iter().zip(given).all(|one| clear(lua, one))
    {
        lua.shared().lists = Some(given);
    }
}

/// Empties one table; false when it is not what it was.
fn clear(lua: &mut Lua, (place, words): (i32, usize)) -> bool {
    lua.get_item(REGISTRY, place);
    for i in 0..words {
        lua.push_nil();
        lua.set_item(-2, i as i32 + 1);
    }
    lua.push_nil();
    let plain = !lua.next(-2) && !lua.get_metatable(-1);
    lua.set_top(0);
    plain
}
