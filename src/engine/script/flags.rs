//! What a script declares about itself: `#!lua flags=…` for EVAL, `flags` for functions.

use super::super::Engine;
use super::super::spec::Spec;
use crate::base::units::split_args;

/// It changes nothing.
pub const NO_WRITES: u32 = 1 << 0;
/// It may run when memory is short.
pub const ALLOW_OOM: u32 = 1 << 1;
/// It may run on a replica without a link.
pub const ALLOW_STALE: u32 = 1 << 2;
/// It may not run in a cluster.
pub const NO_CLUSTER: u32 = 1 << 3;
/// Its keys may belong to several slots.
pub const ALLOW_CROSS_SLOT: u32 = 1 << 4;
/// It declares nothing: what it may do is decided command by command.
pub const UNDECLARED: u32 = 1 << 5;

/// The names, in the order that listings show them.
pub const NAMES: [(&str, u32); 5] = [
    ("no-writes", NO_WRITES),
    ("allow-oom", ALLOW_OOM),
    ("allow-stale", ALLOW_STALE),
    ("no-cluster", NO_CLUSTER),
    ("allow-cross-slot-keys", ALLOW_CROSS_SLOT),
];

/// The flag of this name.
pub fn find(name: &[u8]) -> Option<u32> {
    NAMES.iter().find(|(n, _)| n.as_bytes() == name).map(|(_, flag)| *flag)
}

/// What a script of EVAL declares, and where its text begins: behind the first line but for its
/// end, so that lines keep their numbers.
pub fn of_script(script: &[u8]) -> Result<(u32, usize), Vec<u8>> {
    if !script.starts_with(b"#!") {
        return Ok((UNDECLARED, 0));
    }
    let Some(end) = memchr::memchr(b'\n', script) else {
        return Err(b"Invalid script shebang".to_vec());
    };
    let parts = split_args(&script[..end]).filter(|parts| !parts.is_empty());
    let Some(parts) = parts else { return Err(b"Invalid engine in script shebang".to_vec()) };
    if parts[0] != b"#!lua" {
        return Err([b"Unexpected engine in script shebang: ", parts[0].as_slice()].concat());
    }
    let mut flags = 0;
    for part in &parts[1..] {
        let Some(list) = part.strip_prefix(b"flags=") else {
            return Err([b"Unknown lua shebang option: ", part.as_slice()].concat());
        };
        for name in list.split(|b| *b == b',').filter(|_| !list.is_empty()) {
            let unexpected = || [b"Unexpected flag in script shebang: ", name].concat();
            flags |= find(name).ok_or_else(unexpected)?;
        }
    }
    Ok((flags, end))
}

impl Engine {
    /// Whether a command runs a script that says what it does, but not that it may run when memory
    /// is short. `which` is the command's first argument, if it has one.
    pub(in crate::engine) fn needs_room_to_run(&self, spec: &Spec, which: Option<&[u8]>) -> bool {
        const MAY_RUN: u32 = UNDECLARED | NO_WRITES | ALLOW_OOM;
        let Some(which) = which else { return false };
        let declared = match spec.name {
            "eval" | "eval_ro" => of_script(which).ok().map(|(flags, _)| flags),
            "evalsha" | "evalsha_ro" => self.cached_script(which).ok().map(|s| s.flags),
            "fcall" | "fcall_ro" => self.scripts.functions().find(which).map(|f| f.flags),
            _ => None,
        };
        declared.is_some_and(|flags| flags & MAY_RUN == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_declares() {
        assert_eq!(of_script(b"return 1"), Ok((UNDECLARED, 0)));
        assert_eq!(of_script(b"#!lua\nreturn 1"), Ok((0, 5)));
        let both = of_script(b"#!lua flags=no-writes,allow-oom\nreturn 1");
        assert_eq!(both, Ok((NO_WRITES | ALLOW_OOM, 31)));
        assert_eq!(of_script(b"#!lua flags=\n"), Ok((0, 12)));
        assert_eq!(of_script(b"#!lua"), Err(b"Invalid script shebang".to_vec()));
        let wrong = of_script(b"#!lua flags=bad\n");
        assert_eq!(wrong, Err(b"Unexpected flag in script shebang: bad".to_vec()));
    }
}
