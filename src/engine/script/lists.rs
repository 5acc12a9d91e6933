//! KEYS and ARGV: the words of a call as two tables.
//!
//! Those of EVAL serve one script after the other while the numbers of words stay the same. That
//! is safe because nothing of a script of EVAL outlives it: all it can reach is read-only. The one
//! exception is an environment of its own, which it may hang its function into: whoever calls
//! `setfenv` ends the reuse (`Shared::lists_escape`). A table that a script left with fields, other
//! items or a metatable of its own is not used again either.

use super::super::args::Args;
use super::lua::Lua;
use super::lua::watch::List;
use super::sandbox;

/// Longer lists are made anew each time.
const MOST: usize = 8;
/// Words of more bytes do not stay until the next script comes.
const MOST_BYTES: usize = 4096;

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

/// The tables of the last script of EVAL.
pub struct Lists {
    /// How many words there are in each.
    given: [usize; 2],
    lists: [List; 2],
    /// The next script may have them.
    free: bool,
}

/// Gives a script of EVAL its words: the same as `push_fresh`, as the globals KEYS and ARGV.
pub fn give(lua: &mut Lua, args: &Args<'_>, first: usize, given: [usize; 2]) {
    if let Some(last) = lua.shared().lists.as_mut().filter(|last| last.free && last.given == given)
    {
        last.free = false;
        let lists = last.lists;
        let mut at = first;
        for (list, words) in lists.iter().zip(given) {
            if words > 0 {
                list.push(lua);
                fill(lua, args, at, words);
                lua.pop(1);
                at += words;
            }
        }
        return;
    }
    push_fresh(lua, args, first, given);
    let lists = [List::hold(lua, -2, 0, given[0]), List::hold(lua, -1, 1, given[1])];
    lua.shared().lists = Some(Lists { given, lists, free: false });
    sandbox::set_arguments(lua);
}

/// After a script of EVAL that was given words of so many bytes: if it left its tables as they
/// were, the next one may have them.
pub fn keep(lua: &mut Lua, bytes: usize) {
    if lua.shared().lists_escape {
        return;
    }
    let Some(last) = &mut lua.shared().lists else { return };
    if last.given.iter().any(|words| *words > MOST) || !last.lists.iter().all(List::is_plain) {
        return;
    }
    last.free = true;
    if bytes > MOST_BYTES {
        let (lists, given) = (last.lists, last.given);
        for (list, words) in lists.iter().zip(given) {
            list.push(lua);
            for i in 0..words {
                lua.push_nil();
                lua.set_item(-2, i as i32 + 1);
            }
            lua.pop(1);
        }
    }
}
