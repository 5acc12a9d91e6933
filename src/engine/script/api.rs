//! The table `redis`: what scripts ask of the server.
//!
//! Mistakes in calls are tables with a text in `err`, as Redis makes them: they carry no place,
//! which the handler of errors adds.

use super::convert::{c_text, push_error, push_reply};
use super::functions;
use super::lua::{Kind, Known, Lua, Native, Raise, guard, stack};
use super::shared::{REPL_ALL, Raised, Wish};
use crate::base::double::format_f64;
use crate::engine::config::REDIS_VERSION;
use crate::resp::reply::Reply;
use sha1::{Digest, Sha1};

/// The version as a number: a byte for each part.
const REDIS_VERSION_NUM: u32 = 0x0007_0204;

/// Levels of `redis.log`, in the order of their numbers.
const LEVELS: [&str; 4] = ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"];

/// Pushes an error for `text` and raises it.
fn raise(lua: &mut Lua, text: &str) -> Result<i32, Raise> {
    push_error(lua, format!("ERR {text}").as_bytes(), false);
    Err(Raise::Top)
}

/// Pushes the table as EVAL knows it.
pub fn push_eval_api(lua: &mut Lua) {
    push_common(lua);
    push_commands(lua);
    fields(
        lua,
        &[("replicate_commands", replicate_commands), ("breakpoint", breakpoint), ("debug", debug)],
    );
}

/// Pushes the table as functions know it while they run.
pub fn push_function_api(lua: &mut Lua) {
    push_common(lua);
    push_commands(lua);
}

/// Pushes the table as a library knows it while it is loaded.
pub fn push_load_api(lua: &mut Lua) {
    push_common(lua);
    fields(lua, &[("register_function", functions::register)]);
}

fn push_commands(lua: &mut Lua) {
    lua.push_known::<Call>();
    lua.set_field(-2, "call");
    lua.push_known::<PCall>();
    lua.set_field(-2, "pcall");
    fields(lua, COMMANDS);
}

const COMMANDS: &[(&str, Native)] = &[
    ("error_reply", error_reply),
    ("status_reply", status_reply),
    ("sha1hex", sha1hex),
    ("setresp", setresp),
    ("set_repl", set_repl),
    ("acl_check_cmd", acl_check_cmd),
];

/// Puts native functions into the table on top.
pub fn fields(lua: &mut Lua, fields: &[(&str, Native)]) {
    for (name, native) in fields {
        lua.push_native(*native, 0);
        lua.set_field(-2, name);
    }
}

fn push_common(lua: &mut Lua) {
    lua.new_table(0, 24);
    fields(lua, &[("log", log)]);
    let levels = LEVELS.iter().zip(0..).map(|(name, level)| (*name, level));
    let repl = [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2)];
    for (name, value) in levels.chain(repl).chain([("REPL_ALL", REPL_ALL)]) {
        lua.push_number(f64::from(value));
        lua.set_field(-2, name);
    }
    lua.push(REDIS_VERSION.as_bytes());
    lua.set_field(-2, "REDIS_VERSION");
    lua.push_number(f64::from(REDIS_VERSION_NUM));
    lua.set_field(-2, "REDIS_VERSION_NUM");
}

/// `redis.call`
struct Call;

impl Known for Call {
    fn run(lua: &mut Lua) -> Result<i32, Raise> {
        if command(lua, Wish::Run) { Ok(1) } else { Err(Raise::Top) }
    }
}

/// `redis.pcall`
struct PCall;

impl Known for PCall {
    fn run(lua: &mut Lua) -> Result<i32, Raise> {
        command(lua, Wish::Run);
        Ok(1)
    }
}

fn acl_check_cmd(lua: &mut Lua) -> Result<i32, Raise> {
    if command(lua, Wish::MayRun) { Ok(1) } else { Err(Raise::Top) }
}

/// Hands the arguments to the engine and leaves its answer, or an error, on top; false for an error
/// to be raised.
fn command(lua: &mut Lua, wish: Wish) -> bool {
    let mistake = fill(lua).err();
    if let Some(text) = mistake {
        push_error(lua, format!("ERR {text}").as_bytes(), false);
        return false;
    }
    lua.set_top(0);
    lua.shared().call.wish = wish;
    stack::ask(lua);
    let call = &mut lua.shared().call;
    if let Some(failure) = call.failure.take() {
        push_error(lua, &failure.text, failure.counted);
        return false;
    }
    if wish == Wish::MayRun {
        lua.push_bool(true);
        return true;
    }
    let reply = call.reply.take().expect("the engine has answered with it");
    push_answer(lua, reply)
}

/// Pushes the value of a whole answer and gives its buffer back; false for an error.
fn push_answer(lua: &mut Lua, mut reply: Box<Reply>) -> bool {
    let out = reply.out();
    let len = out.len();
    let whole: Vec<u8>;
    let data = match out.single() {
        Some(data) => data,
        None => {
            whole = out.to_vec();
            &whole
        }
    };
    push_reply(lua, data);
    let failed = data.first() == Some(&b'-');
    out.consume(len);
    // No more than a small buffer stays: `consume` sees to it.
    lua.shared().call.reply = Some(reply);
    !failed
}

/// Bytes of arguments from which on they are held against the limit of memory.
const BIG_CALL: usize = 1 << 20;

/// Copies the arguments into the command.
fn fill(lua: &mut Lua) -> Result<(), &'static str> {
    let count = lua.top();
    if count == 0 {
        return Err("Please specify at least one argument for this redis lib call");
    }
    lua.shared().call.argv.clear();
    let mut bytes = 0;
    for i in 1..=count {
        if let (Some(word), shared) = lua.bytes_beside_shared(i) {
            bytes += word.len();
            shared.call.argv.push(word);
            // One string may be there a thousand times.
            if bytes > BIG_CALL && shared.exceeds(bytes) {
                return Err("not enough memory for the arguments of a call");
            }
            continue;
        }
        match lua.kind(i) {
            Kind::Number => {
                let value = lua.number(i).unwrap_or(0.0);
                let argv = &mut lua.shared().call.argv;
                // Beyond half of the range a double stands for no one integer.
                const WHOLE: f64 = (i64::MAX / 2) as f64;
                if value.abs() <= WHOLE && value == value.trunc() {
                    argv.push(itoa::Buffer::new().format(value as i64).as_bytes());
                } else {
                    argv.push(format_f64(value).as_ref());
                }
            }
            _ => return Err("Lua redis lib command arguments must be strings or integers"),
        }
    }
    Ok(())
}

fn only_string(lua: &mut Lua) -> Option<Vec<u8>> {
    if lua.top() != 1 || lua.kind(1) != Kind::String {
        return None;
    }
    lua.bytes(1).map(<[u8]>::to_vec)
}

fn error_reply(lua: &mut Lua) -> Result<i32, Raise> {
    let Some(text) = only_string(lua) else {
        push_error(lua, b"ERR wrong number or type of arguments", false);
        return Ok(1);
    };
    let text = c_text(text.strip_prefix(b"-").unwrap_or(&text));
    let text: Vec<u8> = match text.contains(&b' ') {
        true => text.to_vec(),
        false => [b"ERR ", text].concat(),
    };
    let end = text.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |at| at + 1);
    push_error(lua, &text[..end], false);
    Ok(1)
}

fn status_reply(lua: &mut Lua) -> Result<i32, Raise> {
    let Some(text) = only_string(lua) else {
        push_error(lua, b"ERR wrong number or type of arguments", false);
        return Ok(1);
    };
    lua.new_table(0, 1);
    lua.push(&text);
    lua.set_field(-2, "ok");
    Ok(1)
}

fn sha1hex(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.top() != 1 {
        return raise(lua, "wrong number of arguments");
    }
    let digest: [u8; 20] = Sha1::digest(lua.text(1).unwrap_or(b"")).into();
    lua.push(&super::cache::hex(&digest));
    Ok(1)
}

fn setresp(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.top() != 1 {
        return raise(lua, "redis.setresp() requires one argument.");
    }
    let version = lua.number(1).unwrap_or(0.0) as i32;
    if !(2..=3).contains(&version) {
        return raise(lua, "RESP version must be 2 or 3.");
    }
    lua.shared().resp3 = version == 3;
    Ok(0)
}

fn set_repl(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.top() != 1 {
        return raise(lua, "redis.set_repl() requires two arguments.");
    }
    let flags = lua.number(1).unwrap_or(0.0) as i32;
    if flags & !REPL_ALL != 0 {
        return raise(
            lua,
            "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        );
    }
    lua.shared().repl = flags;
    Ok(0)
}

fn log(lua: &mut Lua) -> Result<i32, Raise> {
    let count = lua.top();
    if count < 2 {
        return raise(lua, "redis.log() requires two arguments or more.");
    }
    let Some(level) = lua.number(1) else {
        return raise(lua, "First argument must be a number (log level).");
    };
    let level = level as i32;
    if !(0..LEVELS.len() as i32).contains(&level) {
        return raise(lua, "Invalid log level.");
    }
    if level < lua.shared().log_level {
        return Ok(0);
    }
    let mut line = Vec::new();
    for i in 2..=count {
        if i > 2 {
            line.push(b' ');
        }
        line.extend_from_slice(lua.text(i).unwrap_or(b""));
    }
    let line = String::from_utf8_lossy(&line);
    match level {
        0 => tracing::trace!("{line}"),
        1 => tracing::debug!("{line}"),
        2 => tracing::info!("{line}"),
        _ => tracing::warn!("{line}"),
    }
    Ok(0)
}

/// Scripts have told their effects rather than themselves for long.
fn replicate_commands(lua: &mut Lua) -> Result<i32, Raise> {
    lua.push_bool(true);
    Ok(1)
}

/// There is no debugger to stop in.
fn breakpoint(lua: &mut Lua) -> Result<i32, Raise> {
    lua.push_bool(false);
    Ok(1)
}

fn debug(_: &mut Lua) -> Result<i32, Raise> {
    Ok(0)
}

/// Makes an error presentable: a table with the text in `err`, and where it came from.
pub fn on_error(lua: &mut Lua) -> Result<i32, Raise> {
    lua.set_top(1);
    let place = match lua.shared().raised.take() {
        // It has come through a function of ours, and began further in.
        Some(raised) if raised.value == lua.identity(1) => raised.place,
        _ => lua.place_of_error(),
    };
    if lua.kind(1) != Kind::Table || guard::real(lua, 1) {
        lua.set_top(1);
        let text = [b"ERR ", shown(lua, 1).as_slice()].concat();
        push_error(lua, &text, false);
        lua.replace(1);
    }
    if let Some(place) = place {
        lua.push(&place.source);
        lua.set_field(1, "source");
        lua.push_number(f64::from(place.line));
        lua.set_field(1, "line");
    }
    Ok(1)
}

/// Remembers where an error began that a native function of ours passes on.
pub fn note_error(lua: &mut Lua) -> Result<i32, Raise> {
    lua.set_top(1);
    let value = lua.identity(1);
    if lua.shared().raised.as_ref().is_none_or(|raised| raised.value != value) {
        let place = lua.place_of_error();
        lua.shared().raised = Some(Raised { value, place });
    }
    Ok(1)
}

/// A value as `tostring` shows it, without metamethods.
pub fn shown(lua: &mut Lua, at: i32) -> Vec<u8> {
    match lua.kind(at) {
        Kind::String | Kind::Number => lua.text(at).unwrap_or(b"").to_vec(),
        Kind::Boolean if lua.truth(at) => b"true".to_vec(),
        Kind::Boolean => b"false".to_vec(),
        kind => kind.name().as_bytes().to_vec(),
    }
}
