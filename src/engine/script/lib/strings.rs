//! The parts of `string` that search: find, match, gmatch, gsub; and rep, which can ask for more
//! memory than there is.

use super::super::lua::stack::Pauser;
use super::super::lua::{Ended, Kind, Lua, Native, Raise};
use super::pattern::{Capture, Matcher};
use super::{check_integer, check_string, optional_integer, out_of_memory};

/// They take the place of Lua's.
pub const FUNCTIONS: &[(&str, Native)] = &[
    ("find", |lua| find(lua, true)),
    ("match", |lua| find(lua, false)),
    ("gmatch", gmatch),
    ("gfind", gmatch),
    ("gsub", gsub),
    ("rep", rep),
];

/// No string of a script grows beyond this, limit or not, bytes.
const STRING_MAX: usize = 1 << 31;

/// Bytes that make a pattern more than plain text.
const SPECIAL: &[u8] = b"^$*+?.([%-";

/// What a match caught, by its places in the subject, so that the subject need not be held.
#[derive(Clone, Copy)]
enum Caught {
    Part(usize, usize),
    Position(usize),
    Unfinished,
}

fn caught(matcher: &Matcher<'_>) -> Vec<Caught> {
    let one = |capture: &Capture| match *capture {
        Capture::Part(start, end) => Caught::Part(start, end),
        Capture::Position(at) => Caught::Position(at),
        Capture::Open(_) => Caught::Unfinished,
    };
    matcher.captures().iter().map(one).collect()
}

/// Pushes capture `i` of a match from `start` to `end` in the string at `subject`.
fn push_one(
    lua: &mut Lua,
    subject: i32,
    caught: &[Caught],
    i: usize,
    whole: (usize, usize),
) -> Result<(), Raise> {
    match caught.get(i) {
        None if i == 0 => lua.push_part(subject, whole.0..whole.1),
        None => return Err(Raise::text("invalid capture index")),
        Some(Caught::Part(start, end)) => lua.push_part(subject, *start..*end),
        Some(Caught::Position(at)) => lua.push_number((at + 1) as f64),
        Some(Caught::Unfinished) => return Err(Raise::text("unfinished capture")),
    }
    Ok(())
}

/// Pushes all captures, or the whole match when there are none and it is wanted.
fn push_all(
    lua: &mut Lua,
    subject: i32,
    caught: &[Caught],
    whole: Option<(usize, usize)>,
) -> Result<i32, Raise> {
    let count = if caught.is_empty() && whole.is_some() { 1 } else { caught.len() };
    if !lua.reserve(count as i32 + 4) {
        return Err(Raise::text("stack overflow (too many captures)"));
    }
    for i in 0..count {
        push_one(lua, subject, caught, i, whole.unwrap_or((0, 0)))?;
    }
    Ok(count as i32)
}

fn find(lua: &mut Lua, find: bool) -> Result<i32, Raise> {
    check_string(lua, 1)?;
    check_string(lua, 2)?;
    let len = lua.len(1) as i64;
    let mut from = optional_integer(lua, 3, 1)?;
    if from < 0 {
        from += len + 1;
    }
    let from = (from.saturating_sub(1)).clamp(0, len) as usize;
    let pauser = Pauser::of(lua);
    let (subject, pattern) = (lua.bytes(1).unwrap_or(b""), lua.bytes(2).unwrap_or(b""));
    let plain = lua.truth(4) || !pattern.iter().any(|b| SPECIAL.contains(b));
    if find && plain {
        let at = memchr::memmem::find(&subject[from..], pattern).map(|at| from + at);
        let found = at.map(|at| (at + 1, at + pattern.len()));
        let Some((first, last)) = found else {
            lua.push_nil();
            return Ok(1);
        };
        lua.push_number(first as f64);
        lua.push_number(last as f64);
        return Ok(2);
    }
    let anchored = pattern.first() == Some(&b'^');
    let mut matcher = Matcher::new(subject, pattern, &pauser);
    for at in from..=subject.len() {
        if let Some(end) = matcher.at(at, usize::from(anchored))? {
            let caught = caught(&matcher);
            if !find {
                return push_all(lua, 1, &caught, Some((at, end)));
            }
            lua.push_number((at + 1) as f64);
            lua.push_number(end as f64);
            return Ok(push_all(lua, 1, &caught, None)? + 2);
        }
        if anchored {
            break;
        }
    }
    lua.push_nil();
    Ok(1)
}

fn gmatch(lua: &mut Lua) -> Result<i32, Raise> {
    check_string(lua, 1)?;
    check_string(lua, 2)?;
    lua.set_top(2);
    lua.push_number(0.0);
    lua.push_native(gmatch_next, 3);
    Ok(1)
}

fn gmatch_next(lua: &mut Lua) -> Result<i32, Raise> {
    let (subject, pattern, place) = (Lua::upvalue(1), Lua::upvalue(2), Lua::upvalue(3));
    let from = lua.number(place).unwrap_or(0.0) as usize;
    let pauser = Pauser::of(lua);
    let text = lua.bytes(subject).unwrap_or(b"");
    let mut matcher = Matcher::new(text, lua.bytes(pattern).unwrap_or(b""), &pauser);
    for at in from..=text.len() {
        if let Some(end) = matcher.at(at, 0)? {
            let caught = caught(&matcher);
            // An empty match does not stand still.
            let next = if end == at { end + 1 } else { end };
            lua.push_number(next as f64);
            lua.replace(place);
            return push_all(lua, subject, &caught, Some((at, end)));
        }
    }
    Ok(0)
}

fn gsub(lua: &mut Lua) -> Result<i32, Raise> {
    check_string(lua, 1)?;
    check_string(lua, 2)?;
    let how = lua.kind(3);
    if !matches!(how, Kind::Number | Kind::String | Kind::Function | Kind::Table) {
        return Err(Raise::arg(3, "string/function/table expected"));
    }
    if how == Kind::Number {
        check_string(lua, 3)?;
    }
    let len = lua.len(1);
    let most = optional_integer(lua, 4, len as i64 + 1)?;
    let anchored = lua.bytes(2).and_then(<[u8]>::first) == Some(&b'^');
    let (mut at, mut count) = (0, 0);
    let mut result = Vec::new();
    let pauser = Pauser::of(lua);
    while count < most {
        pauser.steps(1)?;
        let text = lua.bytes(1).unwrap_or(b"");
        let mut matcher = Matcher::new(text, lua.bytes(2).unwrap_or(b""), &pauser);
        let mut found = matcher.at(at, usize::from(anchored))?;
        // Places without a match are passed without leaving the loop.
        while found.is_none() && at < len && !anchored {
            result.push(text[at]);
            at += 1;
            found = matcher.at(at, 0)?;
        }
        let Some(end) = found else { break };
        let caught = caught(&matcher);
        count += 1;
        substitute(lua, &mut result, &caught, (at, end))?;
        if end > at {
            at = end;
        } else if at < len {
            result.extend_from_slice(&lua.bytes(1).unwrap_or(b"")[at..=at]);
            at += 1;
        } else {
            break;
        }
        room_for(lua, result.len())?;
        if anchored {
            break;
        }
    }
    result.extend_from_slice(&lua.bytes(1).unwrap_or(b"")[at.min(len)..]);
    lua.push(&result);
    lua.push_number(count as f64);
    Ok(2)
}

/// Whether a result may grow to so many bytes.
fn room_for(lua: &mut Lua, len: usize) -> Result<(), Raise> {
    let fits = len <= STRING_MAX && !lua.shared().exceeds(len);
    if fits { Ok(()) } else { Err(out_of_memory()) }
}

/// Appends what takes the place of a match: argument 3 says.
fn substitute(
    lua: &mut Lua,
    result: &mut Vec<u8>,
    caught: &[Caught],
    whole: (usize, usize),
) -> Result<(), Raise> {
    let ended = match lua.kind(3) {
        Kind::Function => {
            lua.push_value(3);
            let count = push_all(lua, 1, caught, Some(whole))?;
            lua.pcall(count, 1)
        }
        Kind::Table => {
            push_one(lua, 1, caught, 0, whole)?;
            lua.index(3)
        }
        _ => return substitute_text(lua, result, caught, whole),
    };
    if ended != Ended::Well {
        return Err(Raise::Top);
    }
    if !lua.truth(-1) {
        result.extend_from_slice(&lua.bytes(1).unwrap_or(b"")[whole.0..whole.1]);
    } else {
        let kind = lua.kind(-1).name();
        match lua.text(-1) {
            Some(text) => result.extend_from_slice(text),
            None => return Err(Raise::texts(format!("invalid replacement value (a {kind})"))),
        }
    }
    lua.pop(1);
    Ok(())
}

/// A replacement text, in which `%1` stands for a capture and `%0` for the match.
fn substitute_text(
    lua: &mut Lua,
    result: &mut Vec<u8>,
    caught: &[Caught],
    whole: (usize, usize),
) -> Result<(), Raise> {
    let mut i = 0;
    while let Some(&c) = lua.bytes(3).unwrap_or(b"").get(i) {
        i += 1;
        if c != b'%' {
            result.push(c);
            continue;
        }
        // The byte behind the end of a string is zero.
        let what = lua.bytes(3).unwrap_or(b"").get(i).copied().unwrap_or(0);
        i += 1;
        if !what.is_ascii_digit() {
            result.push(what);
        } else if what == b'0' {
            room_for(lua, result.len() + whole.1 - whole.0)?;
            result.extend_from_slice(&lua.bytes(1).unwrap_or(b"")[whole.0..whole.1]);
        } else {
            push_one(lua, 1, caught, usize::from(what - b'1'), whole)?;
            let len = lua.text(-1).map_or(0, <[u8]>::len);
            room_for(lua, result.len() + len)?;
            result.extend_from_slice(lua.text(-1).unwrap_or(b""));
            lua.pop(1);
        }
    }
    Ok(())
}

fn rep(lua: &mut Lua) -> Result<i32, Raise> {
    check_string(lua, 1)?;
    let times = check_integer(lua, 2)?.max(0) as usize;
    let total = lua.len(1).saturating_mul(times);
    room_for(lua, total)?;
    let result = lua.bytes(1).unwrap_or(b"").repeat(if total == 0 { 0 } else { times });
    lua.push(&result);
    Ok(1)
}
