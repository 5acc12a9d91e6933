//! One declaration per command. Lookup, arity, the gate, ACL categories, key extraction,
//! documentation and the generator of valid calls all read the same `Spec`.
//!
//! Names of flags and categories are those of `COMMAND INFO` in Redis 7.2.

use super::args::Args;
use super::cx::{CmdResult, DataCx, EngineCx};
use super::key_search::Finder;
use super::keyspec::KeySpec;

/// Command flags, as bits.
pub mod flag {
    /// May change the keyspace.
    pub const WRITE: u32 = 1 << 0;
    /// Only reads the keyspace.
    pub const READONLY: u32 = 1 << 1;
    /// Refused when memory is short.
    pub const DENYOOM: u32 = 1 << 2;
    /// For administrators.
    pub const ADMIN: u32 = 1 << 3;
    /// Publishes or subscribes.
    pub const PUBSUB: u32 = 1 << 4;
    /// Refused inside a script.
    pub const NOSCRIPT: u32 = 1 << 5;
    /// May park its client.
    pub const BLOCKING: u32 = 1 << 6;
    /// Answers while a data set is being loaded.
    pub const LOADING: u32 = 1 << 7;
    /// Answers on a replica without a link.
    pub const STALE: u32 = 1 << 8;
    /// Is not shown to MONITOR.
    pub const SKIP_MONITOR: u32 = 1 << 9;
    /// Is not counted by SLOWLOG.
    pub const SKIP_SLOWLOG: u32 = 1 << 10;
    /// Constant or logarithmic time.
    pub const FAST: u32 = 1 << 11;
    /// Runs before authentication.
    pub const NO_AUTH: u32 = 1 << 12;
    /// Runs while a script keeps the server busy.
    pub const ALLOW_BUSY: u32 = 1 << 13;
    /// Refused inside MULTI.
    pub const NO_MULTI: u32 = 1 << 14;
    /// Takes its keys from places the key specs do not tell.
    pub const MOVABLEKEYS: u32 = 1 << 15;
    /// Is asked of all nodes of a cluster by asynchronous means only.
    pub const NO_ASYNC_LOADING: u32 = 1 << 16;
    /// May be replicated although it is no write.
    pub const MAY_REPLICATE: u32 = 1 << 17;
    /// Its keys are optional.
    pub const NO_MANDATORY_KEYS: u32 = 1 << 18;
    /// Asked of a cluster's master while it redirects.
    pub const ASKING: u32 = 1 << 20;
    /// May be sent in subscribed mode of RESP2.
    pub const IN_SUBSCRIBED: u32 = 1 << 21;
    /// Changes the keyspace as a whole and names no keys.
    pub const TOUCHES_ARBITRARY_KEYS: u32 = 1 << 22;
    /// Takes no longer than a reading of the clock is worth; the table finds out itself.
    pub const BRIEF: u32 = 1 << 31;

    /// Those that `COMMAND INFO` shows, in its order; the others are for our own use.
    pub const NAMES: &[(u32, &str)] = &[
        (WRITE, "write"),
        (READONLY, "readonly"),
        (DENYOOM, "denyoom"),
        (ADMIN, "admin"),
        (PUBSUB, "pubsub"),
        (NOSCRIPT, "noscript"),
        (BLOCKING, "blocking"),
        (LOADING, "loading"),
        (STALE, "stale"),
        (SKIP_MONITOR, "skip_monitor"),
        (SKIP_SLOWLOG, "skip_slowlog"),
        (ASKING, "asking"),
        (FAST, "fast"),
        (NO_AUTH, "no_auth"),
        (NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (NO_ASYNC_LOADING, "no_async_loading"),
        (NO_MULTI, "no_multi"),
        (ALLOW_BUSY, "allow_busy"),
        (MOVABLEKEYS, "movablekeys"),
    ];
}

/// ACL categories, as bits. `read`, `write`, `admin`, `dangerous`, `fast`, `slow`, `pubsub` and
/// `blocking` follow from the flags and need not be declared.
pub mod cat {
    /// `@keyspace`
    pub const KEYSPACE: u32 = 1 << 0;
    /// `@read`
    pub const READ: u32 = 1 << 1;
    /// `@write`
    pub const WRITE: u32 = 1 << 2;
    /// `@set`
    pub const SET: u32 = 1 << 3;
    /// `@sortedset`
    pub const SORTEDSET: u32 = 1 << 4;
    /// `@list`
    pub const LIST: u32 = 1 << 5;
    /// `@hash`
    pub const HASH: u32 = 1 << 6;
    /// `@string`
    pub const STRING: u32 = 1 << 7;
    /// `@bitmap`
    pub const BITMAP: u32 = 1 << 8;
    /// `@hyperloglog`
    pub const HYPERLOGLOG: u32 = 1 << 9;
    /// `@geo`
    pub const GEO: u32 = 1 << 10;
    /// `@stream`
    pub const STREAM: u32 = 1 << 11;
    /// `@pubsub`
    pub const PUBSUB: u32 = 1 << 12;
    /// `@admin`
    pub const ADMIN: u32 = 1 << 13;
    /// `@fast`
    pub const FAST: u32 = 1 << 14;
    /// `@slow`
    pub const SLOW: u32 = 1 << 15;
    /// `@blocking`
    pub const BLOCKING: u32 = 1 << 16;
    /// `@dangerous`
    pub const DANGEROUS: u32 = 1 << 17;
    /// `@connection`
    pub const CONNECTION: u32 = 1 << 18;
    /// `@transaction`
    pub const TRANSACTION: u32 = 1 << 19;
    /// `@scripting`
    pub const SCRIPTING: u32 = 1 << 20;

    /// All of them by name, in the order of `COMMAND INFO`.
    pub const NAMES: &[(u32, &str)] = &[
        (KEYSPACE, "keyspace"),
        (READ, "read"),
        (WRITE, "write"),
        (SET, "set"),
        (SORTEDSET, "sortedset"),
        (LIST, "list"),
        (HASH, "hash"),
        (STRING, "string"),
        (BITMAP, "bitmap"),
        (HYPERLOGLOG, "hyperloglog"),
        (GEO, "geo"),
        (STREAM, "stream"),
        (PUBSUB, "pubsub"),
        (ADMIN, "admin"),
        (FAST, "fast"),
        (SLOW, "slow"),
        (BLOCKING, "blocking"),
        (DANGEROUS, "dangerous"),
        (CONNECTION, "connection"),
        (TRANSACTION, "transaction"),
        (SCRIPTING, "scripting"),
    ];
}

/// What a command runs.
#[derive(Clone, Copy)]
pub enum Run {
    /// Reaches keys and its own reply, nothing else.
    Data(fn(&mut DataCx<'_>, &mut Args<'_>) -> CmdResult),
    /// Reaches the whole engine.
    Engine(fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult),
    /// Only a container of subcommands.
    Container,
}

/// The declaration of one command or subcommand.
#[derive(Clone, Copy)]
pub struct Spec {
    /// Lower-case name; of a subcommand, the part after the container's name.
    pub name: &'static str,
    /// Argument count with the name: exact when positive, a minimum when negative.
    pub arity: i16,
    /// The handler.
    pub run: Run,
    /// Bits of [`flag`].
    pub flags: u32,
    /// Bits of [`cat`], those that follow from flags included.
    pub acl: u32,
    /// Where the keys are.
    pub keys: &'static [KeySpec],
    /// Finds the keys of a call for which the specs are not enough.
    pub finder: Option<Finder>,
    /// Tells whether an argument may be a secret, which no log and no monitor is to show.
    pub secrets: Option<fn(&Args<'_>, usize) -> bool>,
    /// Subcommands of a container.
    pub subcommands: &'static [Spec],
    /// First Redis version that had it.
    pub since: &'static str,
    /// Documentation group.
    pub group: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Place in the vectors that hold something for each command; set when a table is made.
    pub index: u16,
    /// Name with the container's in front (`client|list`); set when a table is made.
    pub full_name: &'static str,
}

impl Spec {
    const fn new(name: &'static str, arity: i16, run: Run) -> Spec {
        Spec {
            name,
            arity,
            run,
            flags: 0,
            acl: cat::SLOW,
            keys: &[],
            finder: None,
            secrets: None,
            subcommands: &[],
            since: "1.0.0",
            group: "generic",
            summary: "",
            index: 0,
            full_name: name,
        }
    }

    /// A command that works on keys.
    pub const fn data(
        name: &'static str,
        arity: i16,
        run: fn(&mut DataCx<'_>, &mut Args<'_>) -> CmdResult,
    ) -> Spec {
        Spec::new(name, arity, Run::Data(run))
    }

    /// A command that works on the engine.
    pub const fn engine(
        name: &'static str,
        arity: i16,
        run: fn(&mut EngineCx<'_>, &mut Args<'_>) -> CmdResult,
    ) -> Spec {
        Spec::new(name, arity, Run::Engine(run))
    }

    /// A command that is only the parent of subcommands.
    pub const fn container(name: &'static str, subcommands: &'static [Spec]) -> Spec {
        let mut spec = Spec::new(name, -2, Run::Container);
        spec.subcommands = subcommands;
        spec
    }

    /// Gives a command that also runs alone its subcommands.
    pub const fn with_subcommands(mut self, subcommands: &'static [Spec]) -> Spec {
        self.subcommands = subcommands;
        self
    }

    /// The subcommand of this name, any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Spec> {
        self.subcommands.iter().find(|sub| name.eq_ignore_ascii_case(sub.name.as_bytes()))
    }

    /// Whether it does nothing without a subcommand.
    pub const fn is_container(&self) -> bool {
        matches!(self.run, Run::Container)
    }

    /// Sets the flags and the ACL categories that follow from them. Contradictions fail the build.
    pub const fn flags(mut self, flags: u32) -> Spec {
        assert!(
            flags & flag::WRITE == 0 || flags & flag::READONLY == 0,
            "a command cannot be both a write and read-only"
        );
        assert!(
            flags & flag::DENYOOM == 0 || flags & flag::READONLY == 0,
            "a read cannot be refused for memory"
        );
        self.flags = flags;
        let mut acl = self.acl & !(cat::FAST | cat::SLOW);
        acl |= if flags & flag::FAST != 0 { cat::FAST } else { cat::SLOW };
        if flags & flag::ADMIN != 0 {
            acl |= cat::ADMIN | cat::DANGEROUS;
        }
        if flags & flag::PUBSUB != 0 {
            acl |= cat::PUBSUB;
        }
        if flags & flag::BLOCKING != 0 {
            acl |= cat::BLOCKING;
        }
        self.acl = acl;
        self
    }

    /// Adds ACL categories; reads and writes get `@read` and `@write` with any data category.
    pub const fn acl(mut self, categories: u32) -> Spec {
        self.acl |= categories;
        const DATA: u32 = cat::KEYSPACE
            | cat::SET
            | cat::SORTEDSET
            | cat::LIST
            | cat::HASH
            | cat::STRING
            | cat::BITMAP
            | cat::HYPERLOGLOG
            | cat::GEO
            | cat::STREAM;
        if categories & DATA != 0 {
            if self.flags & flag::WRITE != 0 {
                self.acl |= cat::WRITE;
            } else if self.flags & flag::READONLY != 0 {
                self.acl |= cat::READ;
            }
        }
        self
    }

    /// Declares where the keys are.
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Spec {
        self.keys = keys;
        self
    }

    /// Declares who finds the keys of a call when the specs cannot, or not with true flags.
    pub const fn finder(mut self, finder: Finder) -> Spec {
        self.finder = Some(finder);
        self
    }

    /// Declares which arguments may be secrets.
    pub const fn secrets(mut self, is_secret: fn(&Args<'_>, usize) -> bool) -> Spec {
        self.secrets = Some(is_secret);
        self
    }

    /// First version of Redis that had the command.
    pub const fn since(mut self, version: &'static str) -> Spec {
        self.since = version;
        self
    }

    /// Documentation group.
    pub const fn group(mut self, group: &'static str) -> Spec {
        self.group = group;
        self
    }

    /// One sentence of documentation.
    pub const fn summary(mut self, text: &'static str) -> Spec {
        self.summary = text;
        self
    }

    /// Whether all of `bits` are set.
    #[inline]
    pub const fn has(&self, bits: u32) -> bool {
        self.flags & bits == bits
    }

    /// Whether a call of `argc` words fits the arity.
    #[inline]
    pub const fn fits(&self, argc: usize) -> bool {
        let n = self.arity as isize;
        if n >= 0 { argc as isize == n } else { argc as isize >= -n }
    }
}
