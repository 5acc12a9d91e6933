//! `math.random` and `math.randomseed`, the same on every machine and after every start.

use super::super::lua::{Lua, Native, Raise};
use super::check_integer;

/// They take the place of Lua's.
pub const FUNCTIONS: &[(&str, Native)] = &[("random", random), ("randomseed", randomseed)];

fn random(lua: &mut Lua) -> Result<i32, Raise> {
    let fraction = lua.shared().random.fraction();
    let value = match lua.top() {
        0 => fraction,
        1 => {
            let upper = check_integer(lua, 1)? as i32;
            if upper < 1 {
                return Err(Raise::arg(1, "interval is empty"));
            }
            (fraction * f64::from(upper)).floor() + 1.0
        }
        2 => {
            let lower = check_integer(lua, 1)? as i32;
            let upper = check_integer(lua, 2)? as i32;
            if lower > upper {
                return Err(Raise::arg(2, "interval is empty"));
            }
            let width = upper.wrapping_sub(lower).wrapping_add(1);
            (fraction * f64::from(width)).floor() + f64::from(lower)
        }
        _ => return Err(Raise::text("wrong number of arguments")),
    };
    lua.push_number(value);
    Ok(1)
}

fn randomseed(lua: &mut Lua) -> Result<i32, Raise> {
    let seed = check_integer(lua, 1)? as i32;
    lua.shared().random.seed(seed);
    Ok(0)
}
