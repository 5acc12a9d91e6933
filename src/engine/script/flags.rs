//! What a script declares about itself: `#!lua flags=…` for EVAL, `flags` for functions.

use super::super::Engine;
use super::super::args::Args;
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
    /// What the script that a command is about to run declares; `None` when it runs none.
    pub(in crate::engine) fn declared(&self, spec: &Spec, args: &Args<'_>) -> Option<u32> {
        match spec.name {
            "eval" | "eval_ro" => of_script(args.get(1)).ok().map(|(flags, _)| flags),
            "evalsha" | "evalsha_ro" => {
                self.cached_script(args.get(1)).ok().map(|(_, script)| script.flags)
            }
            "fcall" | "fcall_ro" => self.scripts.functions().find(args.get(1)).map(|f| f.flags),
            _ => None,
        }
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
