//! The types of parameters that are neither numbers nor text.
//!
//! An enum lists its names in the order in which Redis names them when a value is illegal; the
//! first variant is never special, defaults stand in `params.rs`.

/// Declares an enum whose variants have the names used in the configuration. A second name of a
/// variant is accepted but never shown.
macro_rules! choices {
    ($($(#[doc = $doc:literal])+ $name:ident { $($variant:ident = $text:literal),+ $(,)? }
       names: $names:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant),+
        }

        impl Choice for $name {
            const NAMES: &'static [(&'static str, Self)] = &$names;
        }

        impl Default for $name {
            fn default() -> Self {
                Self::NAMES[0].1
            }
        }

        impl $name {
            /// The name as CONFIG GET shows it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    )+};
}

/// An enum with configuration names.
pub trait Choice: Sized + Copy + PartialEq + 'static {
    /// Every accepted name, in the order of the error text; a value's first name is the one shown.
    const NAMES: &'static [(&'static str, Self)];
}

choices! {
    /// How much is logged.
    LogLevel {
        Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning",
        Nothing = "nothing",
    }
    names: [
        ("debug", Self::Debug), ("verbose", Self::Verbose), ("notice", Self::Notice),
        ("warning", Self::Warning), ("nothing", Self::Nothing),
    ];
    /// Which keys make room when `maxmemory` is reached.
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru", VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random", VolatileTtl = "volatile-ttl",
        AllkeysLru = "allkeys-lru", AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random", Noeviction = "noeviction",
    }
    names: [
        ("volatile-lru", Self::VolatileLru), ("volatile-lfu", Self::VolatileLfu),
        ("volatile-random", Self::VolatileRandom), ("volatile-ttl", Self::VolatileTtl),
        ("allkeys-lru", Self::AllkeysLru), ("allkeys-lfu", Self::AllkeysLfu),
        ("allkeys-random", Self::AllkeysRandom), ("noeviction", Self::Noeviction),
    ];
    /// When the append-only file is forced to disk.
    Appendfsync { Everysec = "everysec", Always = "always", No = "no" }
    names: [("everysec", Self::Everysec), ("always", Self::Always), ("no", Self::No)];
    /// Who manages the process.
    Supervised { Upstart = "upstart", Systemd = "systemd", Auto = "auto", No = "no" }
    names: [
        ("upstart", Self::Upstart), ("systemd", Self::Systemd), ("auto", Self::Auto),
        ("no", Self::No),
    ];
    /// Facility of the system log.
    SyslogFacility {
        User = "user", Local0 = "local0", Local1 = "local1", Local2 = "local2", Local3 = "local3",
        Local4 = "local4", Local5 = "local5", Local6 = "local6", Local7 = "local7",
    }
    names: [
        ("user", Self::User), ("local0", Self::Local0), ("local1", Self::Local1),
        ("local2", Self::Local2), ("local3", Self::Local3), ("local4", Self::Local4),
        ("local5", Self::Local5), ("local6", Self::Local6), ("local7", Self::Local7),
    ];
    /// Whether a replica loads straight from the socket.
    DisklessLoad { Disabled = "disabled", OnEmptyDb = "on-empty-db", Swapdb = "swapdb" }
    names: [
        ("disabled", Self::Disabled), ("on-empty-db", Self::OnEmptyDb), ("swapdb", Self::Swapdb),
    ];
    /// How the kernel's out-of-memory score is set; `relative` is a second name of `yes`.
    OomScoreAdj { No = "no", Yes = "yes", Absolute = "absolute" }
    names: [
        ("no", Self::No), ("yes", Self::Yes), ("relative", Self::Yes),
        ("absolute", Self::Absolute),
    ];
    /// Channels a new user may use.
    AclPubsubDefault { Allchannels = "allchannels", Resetchannels = "resetchannels" }
    names: [("allchannels", Self::Allchannels), ("resetchannels", Self::Resetchannels)];
    /// Whether payloads of RESTORE and of files are examined in depth.
    Sanitize { No = "no", Yes = "yes", Clients = "clients" }
    names: [("no", Self::No), ("yes", Self::Yes), ("clients", Self::Clients)];
    /// Who may use a dangerous facility.
    Allow { No = "no", Yes = "yes", Local = "local" }
    names: [("no", Self::No), ("yes", Self::Yes), ("local", Self::Local)];
    /// What a cluster node calls itself.
    EndpointType { Ip = "ip", Hostname = "hostname", UnknownEndpoint = "unknown-endpoint" }
    names: [
        ("ip", Self::Ip), ("hostname", Self::Hostname),
        ("unknown-endpoint", Self::UnknownEndpoint),
    ];
    /// What happens when a replicated command fails.
    PropagationError {
        Ignore = "ignore", Panic = "panic", PanicOnReplicas = "panic-on-replicas",
    }
    names: [
        ("ignore", Self::Ignore), ("panic", Self::Panic),
        ("panic-on-replicas", Self::PanicOnReplicas),
    ];
    /// Whether TLS clients must show a certificate.
    TlsAuthClients { No = "no", Yes = "yes", Optional = "optional" }
    names: [("no", Self::No), ("yes", Self::Yes), ("optional", Self::Optional)];
}

/// How much memory the data may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxMemory {
    /// Before the defaults are in place.
    #[default]
    Blank,
    /// Nobody said anything: no limit, unless the container has one.
    Unset,
    /// Nobody said anything, and this is what the container leaves.
    Derived(u64),
    /// So many bytes; 0 is no limit.
    Bytes(u64),
    /// So many hundredths of the container's memory, or of the machine's.
    Percent(u64),
}

/// Output buffer limits of one class of clients; 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// A client above this is closed at once.
    pub hard_bytes: u64,
    /// A client above this for `soft_seconds` is closed.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded.
    pub soft_seconds: u64,
}

/// Indexes of the classes in `Config::client_output_buffer_limit`, by the name shown.
pub const LIMIT_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// Bits of `Config::shutdown_on_sigint` and `shutdown_on_sigterm`; none is `default`.
pub mod shutdown {
    /// Save even without save points.
    pub const SAVE: u32 = 1;
    /// Do not save even with save points.
    pub const NOSAVE: u32 = 2;
    /// Do not wait for replicas.
    pub const NOW: u32 = 4;
    /// Exit although saving failed.
    pub const FORCE: u32 = 8;

    /// Names and bits in the order shown.
    pub const NAMES: &[(&str, u32)] =
        &[("default", 0), ("save", SAVE), ("nosave", NOSAVE), ("now", NOW), ("force", FORCE)];
}

/// Bits of `Config::notify_keyspace_events`.
pub mod event {
    /// `K`: messages on `__keyspace@<db>__` channels.
    pub const KEYSPACE: u32 = 1 << 0;
    /// `E`: messages on `__keyevent@<db>__` channels.
    pub const KEYEVENT: u32 = 1 << 1;
    /// `g`: commands that are not of one type.
    pub const GENERIC: u32 = 1 << 2;
    /// `$`: strings.
    pub const STRING: u32 = 1 << 3;
    /// `l`: lists.
    pub const LIST: u32 = 1 << 4;
    /// `s`: sets.
    pub const SET: u32 = 1 << 5;
    /// `h`: hashes.
    pub const HASH: u32 = 1 << 6;
    /// `z`: sorted sets.
    pub const ZSET: u32 = 1 << 7;
    /// `x`: keys that expired.
    pub const EXPIRED: u32 = 1 << 8;
    /// `e`: keys evicted for memory.
    pub const EVICTED: u32 = 1 << 9;
    /// `t`: streams.
    pub const STREAM: u32 = 1 << 10;
    /// `m`: look-ups that found nothing; not part of `A`.
    pub const MISS: u32 = 1 << 11;
    /// `d`: events of modules.
    pub const MODULE: u32 = 1 << 13;
    /// `n`: keys that came into being; not part of `A`.
    pub const NEW: u32 = 1 << 14;
    /// `A`: `g$lshzxetd`.
    pub const ALL: u32 =
        GENERIC | STRING | LIST | SET | HASH | ZSET | EXPIRED | EVICTED | STREAM | MODULE;
}

/// The letters of the event classes that `A` abbreviates, in the order shown.
const CLASSES: &[(char, u32)] = &[
    ('g', event::GENERIC),
    ('$', event::STRING),
    ('l', event::LIST),
    ('s', event::SET),
    ('h', event::HASH),
    ('z', event::ZSET),
    ('x', event::EXPIRED),
    ('e', event::EVICTED),
    ('t', event::STREAM),
    ('d', event::MODULE),
];

/// The letters shown after the classes.
const OTHERS: &[(char, u32)] =
    &[('n', event::NEW), ('K', event::KEYSPACE), ('E', event::KEYEVENT), ('m', event::MISS)];

/// Event bits from their letters; `None` when a letter is unknown.
pub fn event_flags(text: &str) -> Option<u32> {
    text.chars().try_fold(0, |flags, letter| {
        if letter == 'A' {
            return Some(flags | event::ALL);
        }
        let known = CLASSES.iter().chain(OTHERS).find(|(known, _)| *known == letter)?;
        Some(flags | known.1)
    })
}

/// The letters of event bits, shortest form.
pub fn event_text(flags: u32) -> String {
    let mut text = String::new();
    if flags & event::ALL == event::ALL {
        text.push('A');
    } else {
        text.extend(CLASSES.iter().filter(|(_, bit)| flags & bit != 0).map(|(letter, _)| letter));
    }
    text.extend(OTHERS.iter().filter(|(_, bit)| flags & bit != 0).map(|(letter, _)| letter));
    text
}
