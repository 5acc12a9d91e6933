//! The form of a declaration: what a parameter is, and the macro that makes a list of them into
//! [`Config`], its defaults and the table `PARAMS`.

use super::params::Config;
use super::values::Kind;

/// What setting a parameter does in this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What it does in Redis.
    Works,
    /// Any legal value is accepted, shown and rewritten; the reason why nothing follows from it.
    NoEffect(&'static str),
    /// Only the default is accepted; the reason.
    NotYet(&'static str),
}

/// One declared parameter.
pub struct Param {
    /// Its name in files and commands.
    pub name: &'static str,
    /// The older name Redis still accepts and shows, or nothing.
    pub alias: Option<&'static str>,
    /// One sentence for the documentation.
    pub doc: &'static str,
    /// The default as CONFIG GET shows it.
    pub default: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// Bits of `MUT`, `IMM` and so on.
    pub flags: u8,
    /// What it does here.
    pub standing: Standing,
    /// The current value as CONFIG GET shows it.
    pub show: fn(&Config) -> String,
    /// Takes a value from words.
    pub assign: fn(&mut Config, &[&str]) -> Result<(), String>,
}

impl Param {
    /// Whether all of `flags` are set.
    pub const fn is(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// CONFIG SET may change it.
pub const MUT: u8 = 0;
/// Only the start may set it.
pub const IMM: u8 = 1;
/// CONFIG SET needs `enable-protected-configs`.
pub const PROT: u8 = 2;
/// Its value is kept out of SLOWLOG and MONITOR.
pub const SECRET: u8 = 4;
/// It takes several words.
pub const MULTI: u8 = 8;
/// Patterns do not find it.
pub const HIDDEN: u8 = 16;

/// Turns rows of `name [old name], field: type = default, kind, flags, standing;` into a struct,
/// its `Default` and `PARAMS`.
macro_rules! declare {
    ($($(#[doc = $doc:literal])+ $name:literal $($alias:literal)?,
        $field:ident: $ty:ty = $default:literal, $kind:expr, $flags:expr, $standing:expr;)+) => {
        /// The value of every parameter.
        #[derive(Clone, PartialEq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $field: $ty,)+
            /// `rename-command`: names and what they become, empty for nothing, in order.
            pub renamed_commands: Vec<(String, String)>,
        }

        /// The parameters in the order of their declaration.
        pub const PARAMS: &[Param] = &[$(Param {
            name: $name,
            alias: first(&[$($alias)?]),
            doc: concat!($($doc),+),
            default: $default,
            kind: $kind,
            flags: $flags,
            standing: $standing,
            show: |config| config.$field.show(&$kind),
            assign: |config, words| config.$field.assign(&$kind, words),
        }),+];

        impl Default for Config {
            fn default() -> Self {
                let mut config =
                    Config { $($field: Default::default(),)+ renamed_commands: Vec::new() };
                for param in PARAMS {
                    let words: Vec<&str> = if param.is(MULTI) {
                        param.default.split(' ').collect()
                    } else {
                        vec![param.default]
                    };
                    (param.assign)(&mut config, &words).expect("a default is a legal value");
                }
                config
            }
        }
    };
}

pub(super) use declare;

/// The old name, if there is one.
pub(super) const fn first(aliases: &[&'static str]) -> Option<&'static str> {
    if aliases.is_empty() { None } else { Some(aliases[0]) }
}
